package jfrog

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

const maxUsername = 255 // bytes, before it is looked at as a name

// Values of grant_type.
const (
	grantCredentials = "client_credentials" // or none: a new token
	grantRefresh     = "refresh_token"      // a new pair for an old one
)

const bearerType = "Bearer"

// tokenRequest is what POST /access/api/v1/tokens takes, as JSON or as a form.
type tokenRequest struct {
	GrantType      string      `json:"grant_type"`
	Username       string      `json:"username"`
	ProjectKey     string      `json:"project_key"`
	Scope          string      `json:"scope"`
	ExpiresIn      *int64      `json:"expires_in"` // seconds
	Refreshable    *bool       `json:"refreshable"`
	Description    string      `json:"description"`
	Audience       string      `json:"audience"`
	Reference      *bool       `json:"include_reference_token"`
	ForceRevocable *bool       `json:"force_revocable"` // every token here can be revoked
	RefreshToken   auth.Secret `json:"refresh_token"`
	AccessToken    auth.Secret `json:"access_token"`
}

// tokenAnswer hands a token over. expires_in is left out where it has no end.
type tokenAnswer struct {
	ID             string `json:"token_id"`
	AccessToken    string `json:"access_token"`
	ExpiresIn      int64  `json:"expires_in,omitempty"`
	Scope          string `json:"scope"`
	Type           string `json:"token_type"`
	RefreshToken   string `json:"refresh_token,omitempty"`
	ReferenceToken string `json:"reference_token,omitempty"`
}

// CreateToken makes an access token for a caller who is known, or, with
// grant_type=refresh_token, a new pair for an old one: then the refresh token
// is the proof, and whoever asks needs no other. An unknown or used one is 404.
func (a *API) CreateToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in tokenRequest
	if err := readTokenFields(w, r, &in); err != nil {
		return err
	}
	switch in.GrantType {
	case grantRefresh:
		return a.refreshToken(w, r, who, in)
	case "", grantCredentials:
	default:
		return invalid("grant_type", "grant_type is "+grantCredentials+" or "+grantRefresh)
	}
	if !who.Known() {
		return unknown()
	}
	owner, err := ownerNamed(in.Username)
	if err != nil {
		return err
	}
	switch {
	case in.ProjectKey != "":
		return invalid("project_key", "there are no projects here; leave project_key out")
	case !in.RefreshToken.Empty() || !in.AccessToken.Empty():
		return invalid("grant_type", "refresh_token and access_token go with grant_type="+grantRefresh)
	}
	if scopes, err := auth.ParseScopes(in.Scope); err == nil {
		if group := foreignGroup(who, scopes); group != "" {
			return &auth.Error{Code: auth.Forbidden, Field: "scope", Reason: "the scope names a group that is not yours"}
		}
	}
	life, err := a.life(who, in.ExpiresIn)
	if err != nil {
		return err
	}
	tok, err := a.auth.Tokens.Create(r.Context(), who, auth.NewToken{
		Owner: cmp.Or(owner, who.User), Scope: in.Scope, Description: in.Description, Audience: in.Audience,
		Life: life, Refreshable: said(in.Refreshable), Reference: said(in.Reference),
	})
	if err != nil {
		return notTheirs(who, cmp.Or(owner, who.User), noSuchOwner(err))
	}
	return writeJSON(w, http.StatusOK, handOver(tok))
}

func (a *API) refreshToken(w http.ResponseWriter, r *http.Request, who auth.Identity, in tokenRequest) error {
	if err := onlyRefreshes(in); err != nil {
		return err
	}
	tok, err := a.auth.Tokens.Refresh(r.Context(), who.Peer, auth.Refreshing{Refresh: in.RefreshToken, Access: in.AccessToken})
	if auth.CodeOf(err) == auth.Unauthenticated {
		return &auth.Error{Code: auth.NotFound, Reason: "the refresh token is unknown, used or has ended", Err: err}
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, handOver(tok))
}

// onlyRefreshes refuses to change anything of a token that is refreshed: what
// it is was decided when somebody known made it. Clients say expires_in 0 when
// they mean nothing by it; whether there is a reference form is not asked again.
func onlyRefreshes(in tokenRequest) error {
	stray := ""
	switch {
	case in.RefreshToken.Empty():
		return invalid("refresh_token", "refresh_token is missing")
	case in.Username != "":
		stray = "username"
	case in.ProjectKey != "":
		stray = "project_key"
	case in.Scope != "":
		stray = "scope"
	case in.ExpiresIn != nil && *in.ExpiresIn != 0:
		stray = "expires_in"
	case in.Refreshable != nil && !*in.Refreshable:
		stray = "refreshable"
	case in.Description != "":
		stray = "description"
	case in.Audience != "":
		stray = "audience"
	default:
		return nil
	}
	return invalid(stray, stray+" cannot be changed by a refresh; leave it out")
}

// RevokeToken ends the token of the id in the path: 200. One that is not there
// (any more) is 204 to an administrator, and 404 to others, for whom a token of
// somebody else is not there either.
func (a *API) RevokeToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return a.revoked(w, who, "", a.auth.Tokens.Revoke(r.Context(), who, r.PathValue("id")))
}

// RevokeOwnToken ends the token that the caller came with.
func (a *API) RevokeOwnToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if who.Via.Kind != auth.KindToken {
		return noToken()
	}
	return a.revoked(w, who, "", a.auth.Tokens.Revoke(r.Context(), who, who.Via.ID))
}

// RevokeTokenByValue ends the token whose JWT, reference form or refresh token
// the body holds, with RevokeToken's answers, and {"revoked-token-id":…}.
func (a *API) RevokeTokenByValue(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in struct {
		Token auth.Secret `json:"token"`
	}
	if err := readTokenFields(w, r, &in); err != nil {
		return err
	}
	if in.Token.Empty() {
		return invalid("token", "token is missing")
	}
	id, err := a.auth.Tokens.Lookup(r.Context(), in.Token)
	if err == nil {
		err = a.auth.Tokens.Revoke(r.Context(), who, id)
	}
	return a.revoked(w, who, id, err)
}

// revoked answers how a revocation went; id is shown where it is not empty.
func (a *API) revoked(w http.ResponseWriter, who auth.Identity, id string, err error) error {
	switch {
	case auth.CodeOf(err) == auth.NotFound && who.Admin:
		return done(w, nil)
	case err != nil:
		return err
	case id != "":
		return writeJSON(w, http.StatusOK, map[string]string{"revoked-token-id": id})
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return nil
}

// handOver shows a new token with its secrets.
func handOver(t auth.Token) tokenAnswer {
	return tokenAnswer{
		ID: t.ID, AccessToken: t.JWT.Reveal(), ExpiresIn: expiresIn(t), Scope: t.Scope, Type: bearerType,
		RefreshToken: t.Refresh.Reveal(), ReferenceToken: t.Reference.Reveal(),
	}
}

// ownerNamed is the user whom a new token is for; "" as it is.
func ownerNamed(username string) (string, error) {
	switch {
	case username == "":
		return "", nil
	case len(username) > maxUsername:
		return "", invalid("username", "username is too long")
	case auth.FormOf(username) != auth.FormPassword:
		return "", invalid("username", "username holds a secret, which somebody should revoke")
	}
	name, err := auth.CanonicalName(username)
	if e, ok := errors.AsType[*auth.Error](err); ok {
		return "", invalid("username", e.Reason)
	}
	return name, err
}

// noSuchOwner makes a fault of the request of a user that is not there.
func noSuchOwner(err error) error {
	if e, ok := errors.AsType[*auth.Error](err); ok && e.Code == auth.NotFound {
		return &auth.Error{Code: auth.Invalid, Field: "username", Reason: e.Reason + "; a token is for an account, so make that first", Err: err}
	}
	return err
}

// notTheirs says of a refusal that it is about whom the token is for, where who
// is not the one and may not act for others.
func notTheirs(who auth.Identity, owner string, err error) error {
	if e, ok := errors.AsType[*auth.Error](err); ok && e.Code == auth.Forbidden && owner != who.User && !who.Admin {
		return &auth.Error{Code: e.Code, Field: "username", Reason: "only administrators make tokens for somebody else; name yourself", Err: err}
	}
	return err
}

// unknown refuses a caller of whom nothing is known.
func unknown() error {
	return &auth.Error{Code: auth.Unauthenticated, Reason: "no credential"}
}

// said reads a choice that is no where nothing was said.
func said(b *bool) bool { return b != nil && *b }
