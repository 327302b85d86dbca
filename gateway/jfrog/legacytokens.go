package jfrog

import (
	"errors"
	"net/http"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// Answers of the legacy token API, letter by letter: clients compare them.
const (
	tokenRevoked  = "Token revoked"
	tokenNotFound = "Token not found"
)

// legacyTokenRequest is what POST api/security/token takes.
type legacyTokenRequest struct {
	GrantType    string      `json:"grant_type"`
	Username     string      `json:"username"`
	Scope        string      `json:"scope"`
	ExpiresIn    *int64      `json:"expires_in"` // seconds; 0: never
	Refreshable  *bool       `json:"refreshable"`
	Audience     string      `json:"audience"`
	RefreshToken auth.Secret `json:"refresh_token"`
	AccessToken  auth.Secret `json:"access_token"`
}

// legacyTokenAnswer hands a token over, in the form of RFC 6749 section 5.1.
type legacyTokenAnswer struct {
	AccessToken  string `json:"access_token"`
	ExpiresIn    int64  `json:"expires_in"` // 0: never
	Scope        string `json:"scope"`
	Type         string `json:"token_type"`
	RefreshToken string `json:"refresh_token,omitempty"`
}

// legacyTokenInfo is a token in the legacy list.
type legacyTokenInfo struct {
	ID          string `json:"token_id"`
	Issuer      string `json:"issuer"`
	Subject     string `json:"subject"`
	Issued      int64  `json:"issued_at"`
	Expiry      int64  `json:"expiry,omitempty"`
	Refreshable bool   `json:"refreshable"`
}

// oauthRefusal is the body of RFC 6749 section 5.2, for codes that the gateway
// cannot tell from a status.
type oauthRefusal struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// CreateLegacyToken makes a token for the user that is named, or refreshes one
// for anybody who holds its refresh token: CLIs that signed in with a password
// do both before each command.
func (a *API) CreateLegacyToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in legacyTokenRequest
	if err := readTokenFields(w, r, &in); err != nil {
		return err
	}
	installation, err := a.auth.Tokens.Installation(r.Context())
	if err != nil {
		return err
	}
	switch in.GrantType {
	case grantRefresh:
		return a.refreshLegacyToken(w, r, who, in, installation)
	case "", grantCredentials:
	default:
		return writeJSON(w, http.StatusBadRequest, oauthRefusal{"unsupported_grant_type", "grant_type is " + grantCredentials + " or " + grantRefresh})
	}
	if !who.Known() {
		return unknown()
	}
	n, repeated, err := a.legacyToken(who, in, installation)
	if err != nil {
		return err
	}
	tok, err := a.auth.Tokens.Create(r.Context(), who, n)
	if e, ok := errors.AsType[*auth.Error](err); ok && e.Code == auth.Forbidden && e.Field == "expires_in" {
		return &auth.Error{Code: auth.Invalid, Field: e.Field, Reason: e.Reason, Err: err}
	}
	if err != nil {
		return notTheirs(who, n.Owner, noSuchOwner(err))
	}
	return writeJSON(w, http.StatusOK, handOverLegacy(tok, repeated))
}

// legacyToken is the token that a request asks for, and the scope as its answer
// repeats it.
func (a *API) legacyToken(who auth.Identity, in legacyTokenRequest, installation string) (n auth.NewToken, repeated string, err error) {
	if !in.RefreshToken.Empty() || !in.AccessToken.Empty() {
		return n, "", invalid("grant_type", "refresh_token and access_token go with grant_type="+grantRefresh)
	}
	if in.Username == "" {
		return n, "", invalid("username", "username is missing")
	}
	if n.Owner, err = ownerNamed(in.Username); err != nil {
		return n, "", err
	}
	if in.Scope == "" {
		in.Scope = oldGroups + "*"
	}
	scopes, repeated, err := readOldScopes(in.Scope, installation)
	if err != nil {
		return n, "", err
	}
	if foreignGroup(who, scopes) != "" {
		return n, "", invalid("scope", "the scope names a group that is not yours")
	}
	n.Scope, n.Audience, n.Refreshable = scopes.String(), in.Audience, said(in.Refreshable)
	if !n.Refreshable && !oursAlone(in.Audience, installation) {
		return n, "", invalid("audience", "only a refreshable token may be for another service")
	}
	n.Life, err = a.lifeOfLegacy(who, in.ExpiresIn)
	return n, repeated, err
}

// oursAlone reports an audience without a service of another installation.
// SERVICE@* is every service of that kind.
func oursAlone(audience, installation string) bool {
	for _, one := range strings.Fields(audience) {
		switch one {
		case "*", "*@*", serviceOld + "*", serviceNew + "*", serviceOld + installation, serviceNew + installation:
		default:
			return false
		}
	}
	return true
}

func (a *API) refreshLegacyToken(w http.ResponseWriter, r *http.Request, who auth.Identity, in legacyTokenRequest, installation string) error {
	err := onlyRefreshes(tokenRequest{
		Username: in.Username, Scope: in.Scope, ExpiresIn: in.ExpiresIn, Refreshable: in.Refreshable,
		Audience: in.Audience, RefreshToken: in.RefreshToken,
	})
	if err != nil {
		return err
	}
	tok, err := a.auth.Tokens.Refresh(r.Context(), who.Peer, auth.Refreshing{Refresh: in.RefreshToken, Access: in.AccessToken})
	if auth.CodeOf(err) == auth.Unauthenticated {
		return writeJSON(w, http.StatusUnauthorized, oauthRefusal{"invalid_grant", "the refresh token is unknown, used or has ended"})
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, handOverLegacy(tok, oldText(tok.Scope, installation)))
}

func handOverLegacy(t auth.Token, scope string) legacyTokenAnswer {
	return legacyTokenAnswer{
		AccessToken: t.JWT.Reveal(), ExpiresIn: expiresIn(t), Scope: scope, Type: bearerType,
		RefreshToken: t.Refresh.Reveal(),
	}
}

// ListLegacyTokens answers everybody's tokens to an administrator.
func (a *API) ListLegacyTokens(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if !who.Admin {
		return &auth.Error{Code: auth.Forbidden, Reason: "this list is for administrators; GET /access/api/v1/tokens lists your own"}
	}
	tokens, err := a.auth.Tokens.ListAll(r.Context(), who, auth.TokenFilter{})
	if err != nil {
		return err
	}
	list := make([]legacyTokenInfo, len(tokens))
	for i, t := range tokens {
		info := infoOf(t)
		list[i] = legacyTokenInfo{ID: info.ID, Issuer: info.Issuer, Subject: info.Subject, Issued: info.Issued, Expiry: info.Expiry, Refreshable: info.Refreshable}
	}
	return writeJSON(w, http.StatusOK, map[string]any{"tokens": list})
}

// RevokeLegacyToken ends a token by its value or by its id: "Token revoked". One
// that is not there, or is of somebody whose tokens the caller does not revoke,
// is "Token not found"; both are 200 (RFC 7009 section 2.2).
func (a *API) RevokeLegacyToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in struct {
		Token auth.Secret `json:"token"`
		ID    string      `json:"token_id"`
		Hint  string      `json:"token_type_hint"` // a form says what a token is
	}
	if err := readTokenFields(w, r, &in); err != nil {
		return err
	}
	id, byValue := in.ID, !in.Token.Empty()
	if byValue == (id != "") {
		return invalid("", "name the token by token or by token_id, one of the two")
	}
	var err error
	if byValue {
		id, err = a.auth.Tokens.Lookup(r.Context(), in.Token)
	}
	if err == nil {
		err = a.auth.Tokens.Revoke(r.Context(), who, id)
	}
	switch {
	case err == nil:
		return writeText(w, http.StatusOK, tokenRevoked)
	case auth.CodeOf(err) == auth.NotFound:
		return writeText(w, http.StatusOK, tokenNotFound)
	}
	return err
}
