package testidp

import (
	"net/http"
	"slices"
	"time"
)

// token changes a code, or a refresh token, into tokens (RFC 6749 §4.1.3, §6).
func (o *OIDC) token(w http.ResponseWriter, r *http.Request) {
	form, refusal := o.form(r)
	if refusal != "" {
		o.refuse(w, refusal)
		return
	}
	var g *grant
	where := IDToken
	switch form.Get("grant_type") {
	case "authorization_code":
		g, refusal = o.redeem(form, true)
	case "refresh_token":
		g, refusal = o.renew(form.Get("refresh_token"), true)
		where = Refresh
	default:
		o.fault("the token endpoint is asked for %q", form.Get("grant_type"))
		refusal = "unsupported_grant_type"
	}
	if refusal != "" {
		o.refuse(w, refusal)
		return
	}
	access, refresh := o.issue(g, "a-", !o.OfflineOnly || slices.Contains(g.scopes, "offline_access"))
	answer := map[string]any{
		"access_token": access, "token_type": "Bearer", "expires_in": int(accessLife / time.Second),
		"id_token": o.idToken(where, g, access),
	}
	put(answer, "refresh_token", refresh)
	o.say(w, Token, http.StatusOK, answer)
}

func (o *OIDC) refuse(w http.ResponseWriter, code string) {
	status := http.StatusBadRequest
	if code == "invalid_client" {
		status = http.StatusUnauthorized
	}
	o.say(w, Token, status, map[string]any{"error": code})
}

// idToken says who signed in (OpenID Connect Core §2). One of a refresh has no
// nonce (§12.2).
func (o *OIDC) idToken(where Where, g *grant, access string) string {
	now := o.time()
	claims := map[string]any{
		"iss": o.URL, "sub": g.user.Subject, "aud": o.client().ID, "sid": g.sid,
		"iat": now.Unix(), "exp": now.Add(accessLife).Unix(), "at_hash": halfHash(access),
	}
	if where == IDToken {
		claims["nonce"] = g.nonce
	}
	if g.asksTime || !g.user.SignedIn.IsZero() {
		claims["auth_time"] = g.signedIn.Unix()
	}
	if o.Full {
		merge(claims, o.changed(Profile, g.user.profile(g.scopes)))
	}
	j := o.newJWT(claims)
	j.Access = access
	return o.finish(where, j)
}

// userinfo tells about the user of an access token (OpenID Connect Core §5.3).
func (o *OIDC) userinfo(w http.ResponseWriter, r *http.Request) {
	g, ok := o.bearer(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		http.Error(w, "", http.StatusUnauthorized)
		return
	}
	doc := o.changed(Profile, g.user.profile(g.scopes))
	doc["sub"] = g.user.Subject
	o.say(w, Userinfo, http.StatusOK, doc)
}
