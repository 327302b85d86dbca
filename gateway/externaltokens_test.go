package gateway_test

import (
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

// providerToken is a JWT that issuer seems to have made.
func providerToken(issuer, signature string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"ES256","typ":"at+jwt"}`)) + "." + part([]byte(`{"iss":"`+issuer+`","sub":"subject-1","aud":"latchkey"}`)) + "." + signature
}

// TestTokensOfProviders open the routes that take them, for whoever has linked
// that account, and nothing of our own.
func TestTokensOfProviders(t *testing.T) {
	t.Parallel()
	echo := newEcho()
	t.Cleanup(echo.Close)
	known := rules(t, "authenticated")
	h, _ := newHouseWithDoors(t, houseConfig{routes: []gateway.Route{
		{Route: auth.Route{Name: "takes", Read: known, Write: known}, Path: "/takes/", Upstream: echo.URL, Headers: true, ExternalTokens: []string{"other", "corp"}},
		{Route: auth.Route{Name: "others", Read: known, Write: known}, Path: "/others/", Upstream: echo.URL, Headers: true, ExternalTokens: []string{"other"}},
		{Route: auth.Route{Name: "plain", Read: known, Write: known}, Path: "/plain/", Upstream: echo.URL, Headers: true},
	}})
	good, bad := providerToken("https://corp.example", "goodgoodgood"), providerToken("https://corp.example", "badbadbadbad")
	h.secret.texts = append(h.secret.texts, good, bad)
	h.do("GET", "/takes/x", nil, bearer(good)).is(http.StatusUnauthorized) // linked to nobody
	h.linked()
	h.do("GET", "/takes/x", nil, bearer(good)).is(http.StatusOK).holds(`"alice"`)
	h.do("GET", "/takes/x", nil, bearer(bad)).is(http.StatusUnauthorized)
	h.do("GET", "/takes/x", nil, bearer(providerToken("https://evil.example", "goodgoodgood"))).is(http.StatusUnauthorized)
	for _, at := range []string{"/others/x", "/plain/x", gateway.APIRoot + "/whoami", "/ui/profile", "/artifactory/api/security/apiKey"} {
		h.do("GET", at, nil, bearer(good)).is(http.StatusUnauthorized)
	}
	h.do("GET", "/takes/x", nil, basic("alice", good)).is(http.StatusUnauthorized)
	h.do("GET", "/takes/x", nil, basic("", good)).is(http.StatusUnauthorized)
	if a := h.do("GET", "/takes/x", nil, apiKey(good)); a.status != http.StatusForbidden && a.status != http.StatusUnauthorized {
		t.Errorf("in a key header: %d", a.status)
	}
	if err := h.auth.Bindings.Delete(t.Context(), h.admin, h.bindings("alice")[0].ID); err != nil {
		t.Fatal(err)
	}
	h.do("GET", "/takes/x", nil, bearer(good)).is(http.StatusUnauthorized)
}
