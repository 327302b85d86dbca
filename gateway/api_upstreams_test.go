package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

func TestUpstreamsOfTheAPI(t *testing.T) {
	h := newHouse(t, houseConfig{})
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, secret, _ := r.BasicAuth(); secret != aliceThere {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(service.Close)
	basicUp := there(t, service.URL+"/whoami", auth.UpstreamBasic)
	basicUp.SignUp = "https://there.example.com/register"
	h.auth.SetUpstreams([]auth.Upstream{basicUp, there(t, service.URL, auth.UpstreamHeader)}, gateway.Probe{})
	h.secret.texts = append(h.secret.texts, aliceThere, eveThere)
	const api = gateway.APIRoot
	alice, admin := basic("alice", alicePassword), basic("admin", h.adminPassword)
	pair := map[string]any{"name": "alice-there", "secret": aliceThere}

	known := h.do("GET", api+"/upstreams", nil, basic("eve", evePassword)).is(200).items()
	if len(known) != 2 || known[0]["name"] != "there-basic" || known[0]["url"] != service.URL+"/whoami" || known[0]["sign_up"] != basicUp.SignUp ||
		known[1]["send"] != "header" || known[1]["header"] != "PRIVATE-TOKEN" {
		t.Errorf("%v", known)
	}
	h.do("GET", api+"/upstreams", nil).code(401, auth.Unauthenticated)
	if items := h.do("GET", api+"/me/upstreams", nil, alice).is(200).items(); len(items) != 0 {
		t.Errorf("%v", items)
	}
	h.do("POST", api+"/me/upstreams/there-basic/test", nil, alice).code(404, auth.NotFound)
	a := h.do("POST", api+"/me/upstreams/there-basic/test", pair, alice).is(200)
	if a.body != `{"accepted":true,"status":200,"said":"`+strings.TrimPrefix(service.URL, "http://")+` answered 200 OK to this name and secret."}`+"\n" {
		t.Error(a.body)
	}
	if items := h.do("GET", api+"/me/upstreams", nil, alice).is(200).items(); len(items) != 0 {
		t.Errorf("a test stored something: %v", items)
	}

	if a := h.do("PUT", api+"/users/alice/upstreams/there-basic", pair, alice).is(200); a.field("name") != "alice-there" || strings.Contains(a.body, aliceThere) {
		t.Error(a.body)
	}
	items := h.do("GET", api+"/users/alice/upstreams", nil, admin).is(200)
	if strings.Contains(items.body, aliceThere) || len(items.items()) != 1 || items.items()[0]["upstream"] != "there-basic" {
		t.Error(items.body)
	}
	if a := h.do("POST", api+"/users/alice/upstreams/there-basic/test", map[string]any{}, alice).is(200); !strings.Contains(a.body, `"accepted":true`) {
		t.Error(a.body)
	}
	if a := h.do("POST", api+"/users/alice/upstreams/there-basic/test", map[string]any{"name": "alice-there", "secret": eveThere}, alice).is(200); !strings.Contains(a.body, `"accepted":false,"status":401`) {
		t.Error(a.body)
	}

	for _, tc := range []struct {
		method, path string
		body         any
		show         with
		status       int
		code         auth.Code
	}{
		{"PUT", "/me/upstreams/there-basic", map[string]any{"name": "n"}, alice, 400, auth.Invalid},
		{"PUT", "/me/upstreams/there-basic", map[string]any{"secret": aliceThere}, alice, 400, auth.Invalid},
		{"PUT", "/me/upstreams/there-basic", map[string]any{}, alice, 400, auth.Invalid},
		{"PUT", "/me/upstreams/there-basic", map[string]any{"name": aliceThere + ":", "secret": aliceThere}, alice, 400, auth.Invalid},
		{"PUT", "/me/upstreams/there-basic", map[string]any{"name": "n", "secret": aliceThere, "url": "https://evil.example"}, alice, 400, auth.Invalid},
		{"PUT", "/me/upstreams/none", pair, alice, 404, auth.NotFound},
		{"POST", "/me/upstreams/none/test", pair, alice, 404, auth.NotFound},
		{"PUT", "/users/alice/upstreams/there-basic", pair, basic("eve", evePassword), 403, auth.Forbidden},
		{"POST", "/users/alice/upstreams/there-basic/test", nil, basic("eve", evePassword), 403, auth.Forbidden},
		{"GET", "/users/alice/upstreams", nil, basic("eve", evePassword), 403, auth.Forbidden},
		{"DELETE", "/users/alice/upstreams/there-basic", nil, basic("eve", evePassword), 403, auth.Forbidden},
		{"DELETE", "/me/upstreams/there-header", nil, alice, 404, auth.NotFound},
	} {
		h.do(tc.method, api+tc.path, tc.body, tc.show).code(tc.status, tc.code)
	}
	key := h.do("POST", api+"/me/apikey", nil, alice).is(201).field("api_key")
	h.do("PUT", api+"/me/upstreams/there-basic", pair, apiKey(key)).code(403, auth.Forbidden)
	locked := h.browser(h.signIn("alice", alicePassword))
	h.do("PUT", api+"/me/upstreams/there-basic", pair, locked).code(403, auth.Locked)
	h.do("POST", api+"/me/upstreams/there-basic/test", nil, locked).code(403, auth.Locked)

	h.do("DELETE", api+"/users/alice/upstreams/there-basic", nil, admin).is(204)
	h.do("DELETE", api+"/me/upstreams/there-basic", nil, alice).code(404, auth.NotFound)
	for range 16 { // three tests and one that was stored went before
		h.do("POST", api+"/me/upstreams/there-header/test", map[string]any{"secret": eveThere}, alice).is(200)
	}
	if a := h.do("POST", api+"/me/upstreams/there-header/test", map[string]any{"secret": eveThere}, alice).code(429, auth.Throttled); a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
