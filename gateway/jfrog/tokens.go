package jfrog

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// Limits of requests about tokens.
const (
	maxUsername  = 255                   // bytes, before it is looked at as a name
	maxExpiresIn = 100 * 365 * 24 * 3600 // seconds; more is a mistake, and this fits into a time.Duration
	maxQuery     = 4 << 10               // bytes of a list's filters
)

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

// tokenInfo is a token as the list and the answer of one show it. Times are in
// seconds since 1970.
type tokenInfo struct {
	ID          string `json:"token_id"`
	Subject     string `json:"subject"`
	Expiry      int64  `json:"expiry,omitempty"`
	Issued      int64  `json:"issued_at"`
	Issuer      string `json:"issuer"`
	Description string `json:"description"`
	Refreshable bool   `json:"refreshable"`
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
		return noSuchOwner(err)
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

// life is how long a new token lives: not said, the default of the
// configuration; 0, for ever. Where the configuration sets a maximum, or the
// caller's own credential ends, 0 is as if nothing was said: terraform sends 0
// then, and what is handed out says how long it lives.
func (a *API) life(who auth.Identity, expiresIn *int64) (time.Duration, error) {
	switch {
	case expiresIn == nil:
		return 0, nil
	case *expiresIn < 0 || *expiresIn > maxExpiresIn:
		return 0, invalid("expires_in", "expires_in must be 0 (never) or a number of seconds within a hundred years")
	case *expiresIn > 0:
		return time.Duration(*expiresIn) * time.Second, nil
	case a.auth.Policy().TokenMax > 0 || ends(who, a.now()):
		return 0, nil
	}
	return auth.Endless, nil
}

// ends reports a caller whose credential makes no endless token.
func ends(who auth.Identity, now time.Time) bool { return !who.Expires.IsZero() && !who.Full(now) }

// ListTokens answers the tokens that the filters username, description (a
// prefix when it ends in *) and refreshable let through: everybody's to an
// administrator, their own to anybody else.
func (a *API) ListTokens(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	filter, err := readFilter(r.URL.RawQuery)
	if err != nil {
		return err
	}
	tokens, err := a.auth.Tokens.ListAll(r.Context(), who, filter)
	if err != nil {
		return err
	}
	list := make([]tokenInfo, len(tokens))
	for i, t := range tokens {
		list[i] = infoOf(t)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"tokens": list})
}

// readFilter reads the query of a list. An empty value filters nothing; a
// filter that is not known is refused, since a list that shows more than was
// asked for gets the rest revoked.
func readFilter(query string) (auth.TokenFilter, error) {
	var f auth.TokenFilter
	if len(query) > maxQuery {
		return f, invalid("", "the query is too long")
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return f, invalid("", "the query cannot be read")
	}
	for name, all := range values {
		value := all[0]
		switch {
		case len(all) > 1:
			err = invalid("", "a filter is given more than once")
		case name != "username" && name != "description" && name != "refreshable":
			err = invalid("", "the filters of tokens are username, description and refreshable")
		case value == "":
		case name == "username":
			f.Owner, err = auth.CanonicalName(value)
		case name == "description":
			if star := strings.IndexByte(value, '*'); star >= 0 && star < len(value)-1 {
				err = invalid(name, "* is for the end of a description alone")
			}
			f.Description = value
		case value == "true" || value == "false":
			f.Refreshable = new(value == "true")
		default:
			err = invalid(name, "refreshable is true or false")
		}
		if err != nil {
			return auth.TokenFilter{}, err
		}
	}
	return f, nil
}

// ShowToken answers one token, to whoever may know of it.
func (a *API) ShowToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return a.show(w, r, who, r.PathValue("id"))
}

// ShowOwnToken answers the token that the caller came with.
func (a *API) ShowOwnToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if who.Via.Kind != auth.KindToken {
		return noToken()
	}
	return a.show(w, r, who, who.Via.ID)
}

func (a *API) show(w http.ResponseWriter, r *http.Request, who auth.Identity, id string) error {
	tok, err := a.auth.Tokens.Get(r.Context(), who, id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, infoOf(tok))
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

// DefaultExpiry answers the life of a token for which none is asked.
func (a *API) DefaultExpiry(w http.ResponseWriter, _ *http.Request, _ auth.Identity) error {
	p := a.auth.Policy()
	life := p.TokenDefault
	if p.TokenMax > 0 {
		life = min(life, p.TokenMax)
	}
	return writeJSON(w, http.StatusOK, map[string]int64{"default_token_expiration": int64(life / time.Second)})
}

// SetDefaultExpiry says where the default is set: 400.
func (a *API) SetDefaultExpiry(_ http.ResponseWriter, _ *http.Request, who auth.Identity) error {
	if !who.Admin {
		return &auth.Error{Code: auth.Forbidden, Reason: "the configuration is for administrators"}
	}
	return invalid("", "the configuration is a file: set tokens.default_expiry there and send SIGHUP")
}

// handOver shows a new token with its secrets.
func handOver(t auth.Token) tokenAnswer {
	return tokenAnswer{
		ID: t.ID, AccessToken: t.JWT.Reveal(), ExpiresIn: expiresIn(t), Scope: t.Scope, Type: bearerType,
		RefreshToken: t.Refresh.Reveal(), ReferenceToken: t.Reference.Reveal(),
	}
}

// expiresIn is the whole life of t in seconds, at least 1; 0: no end.
func expiresIn(t auth.Token) int64 {
	if t.Expires.IsZero() {
		return 0
	}
	return max(int64(t.Expires.Sub(t.Created)/time.Second), 1)
}

func infoOf(t auth.Token) tokenInfo {
	info := tokenInfo{
		ID: t.ID, Subject: t.Subject, Issued: t.Created.Unix(), Issuer: t.Issuer,
		Description: t.Description, Refreshable: t.Refreshable,
	}
	if !t.Expires.IsZero() {
		info.Expiry = t.Expires.Unix()
	}
	return info
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
		return &auth.Error{Code: auth.Invalid, Field: "username", Reason: e.Reason, Err: err}
	}
	return err
}

// noToken refuses /me to a caller who came with something else.
func noToken() error {
	return &auth.Error{Code: auth.NotFound, Reason: "this request came with no token of which there is a record"}
}

// unknown refuses a caller of whom nothing is known.
func unknown() error {
	return &auth.Error{Code: auth.Unauthenticated, Reason: "no credential"}
}

// said reads a choice that is no where nothing was said.
func said(b *bool) bool { return b != nil && *b }
