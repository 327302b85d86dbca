package testidp

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// refreshLies are about a refresh: sign in honestly first.
func refreshLies() []Lie {
	return []Lie{
		{Name: "refresh: userinfo of somebody else", Where: Refresh, Must: Refused, Apply: func(o *OIDC) {
			o.ChangeJWT(Refresh, func(j *JWT) { j.Claims["sub"] = Bob().Subject })
			o.Change(Userinfo, func(doc map[string]any) { doc["sub"] = Bob().Subject })
		}},
		{Name: "refresh: invalid_grant", Where: Refresh, Must: Refused, Apply: func(o *OIDC) {
			o.Intercept(Token, func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { o.refuse(w, "invalid_grant") })
			})
		}},
		claim(Refresh, Refused, "sub", "of somebody else", Bob().Subject),
		claim(Refresh, Refused, "iss", "of somebody else", elsewhere),
		claim(Refresh, Refused, "aud", "of somebody else", "other"),
		claim(Refresh, Refused, "nonce", "of another attempt", "x"),
		claimBy(Refresh, Refused, "exp past", func(o *OIDC, c map[string]any) { c["exp"] = o.time().Add(-time.Hour).Unix() }),
		jwtLie(Refresh, Refused, "alg none", func(_ *OIDC, j *JWT) { j.Header["alg"] = "none" }),
		jwtLie(Refresh, Refused, "key swapped", func(o *OIDC, j *JWT) {
			j.Header["alg"], j.Header["kid"], j.Key = "ES256", ecKeyID, o.other
		}),
	}
}

// logoutLies are about logout tokens (OpenID Connect Back-Channel Logout 1.0
// §2.6).
func logoutLies() []Lie {
	at := func(must Outcome, name, says string, d time.Duration) Lie {
		return claimBy(Logout, must, name+" "+says, func(o *OIDC, c map[string]any) { c[name] = o.time().Add(d).Unix() })
	}
	lie := func(says string, f func(*OIDC, *JWT)) Lie { return jwtLie(Logout, Refused, says, f) }
	return []Lie{
		claim(Logout, Refused, "iss", "of somebody else", elsewhere),
		claim(Logout, Refused, "iss", "missing", absent),
		claimBy(Logout, Refused, "iss with a trailing slash", func(o *OIDC, c map[string]any) { c["iss"] = o.URL + "/" }),
		claim(Logout, Refused, "aud", "of somebody else", "other"),
		claim(Logout, Refused, "aud", "missing", absent),
		claim(Logout, Refused, "events", "missing", absent),
		claim(Logout, Refused, "events", "empty", map[string]any{}),
		claim(Logout, Refused, "events", "of another kind", map[string]any{"http://schemas.openid.net/event/other": map[string]any{}}),
		claim(Logout, Refused, "events", "a list", []string{logoutEvent}),
		claim(Logout, Refused, "events", "a text inside", map[string]any{logoutEvent: "yes"}),
		claim(Logout, Refused, "nonce", "there", "x"),
		claim(Logout, Refused, "jti", "missing", absent),
		claim(Logout, Refused, "jti", "empty", ""),
		claim(Logout, Refused, "jti", "a number", 7),
		claim(Logout, Refused, "iat", "missing", absent),
		at(Refused, "iat", "in an hour", time.Hour),
		at(Refused, "iat", "of yesterday", -24*time.Hour),
		at(Refused, "exp", "past", -time.Hour),
		claim(Logout, Refused, "exp", "1e99", json.Number("1e99")),
		claimBy(Logout, Refused, "neither sub nor sid", func(_ *OIDC, c map[string]any) {
			delete(c, "sub")
			delete(c, "sid")
		}),
		claimBy(Logout, Refused, "sub and sid empty", func(_ *OIDC, c map[string]any) { c["sub"], c["sid"] = "", "" }),
		claimBy(Logout, Refused, "sub a number", func(_ *OIDC, c map[string]any) {
			c["sub"] = 7
			delete(c, "sid")
		}),
		claimBy(Logout, Refused, "sid a list", func(_ *OIDC, c map[string]any) {
			c["sid"] = []any{c["sid"]}
			delete(c, "sub")
		}),
		lie("an id_token", func(o *OIDC, j *JWT) {
			j.Header["typ"] = "JWT"
			for _, name := range []string{"events", "jti"} {
				delete(j.Claims, name)
			}
			j.Claims["nonce"], j.Claims["at_hash"] = "x", halfHash("x")
		}),
		lie("typ at+jwt", func(_ *OIDC, j *JWT) { j.Header["typ"] = "at+jwt" }),
		jwtLie(Logout, Either, "typ JWT", func(_ *OIDC, j *JWT) { j.Header["typ"] = "JWT" }),
		jwtLie(Logout, Either, "typ missing", func(_ *OIDC, j *JWT) { delete(j.Header, "typ") }),
		lie("alg none", func(_ *OIDC, j *JWT) { j.Header["alg"] = "none" }),
		lie("alg HS256 with the client's secret", func(o *OIDC, j *JWT) {
			j.Header["alg"], j.Key = "HS256", []byte(o.client().Secret)
		}),
		lie("key swapped", func(o *OIDC, j *JWT) { j.Header["alg"], j.Header["kid"], j.Key = "ES256", ecKeyID, o.other }),
		lie("kid unknown", func(_ *OIDC, j *JWT) { j.Header["kid"] = "rsa-2" }),
		lie("jwk of its own", func(o *OIDC, j *JWT) {
			j.Header["alg"], j.Header["jwk"], j.Key = "ES256", publicEC("x", &o.other.PublicKey), o.other
			delete(j.Header, "kid")
		}),
		lie("claims with sub twice", func(_ *OIDC, j *JWT) { j.Payload = twice(text(j.Claims), `"sub":"x"`) }),
		lie("a million dots", func(_ *OIDC, j *JWT) { j.Bend = func(string) string { return strings.Repeat(".", 1_000_000) } }),
		lie("empty", func(_ *OIDC, j *JWT) { j.Bend = func(string) string { return "" } }),
		jwtLie(Logout, Allowed, "events of another kind as well", func(_ *OIDC, j *JWT) {
			j.Claims["events"] = map[string]any{logoutEvent: map[string]any{}, "http://example.com/other": map[string]any{}}
		}),
	}
}
