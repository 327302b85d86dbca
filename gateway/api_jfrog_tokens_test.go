package gateway_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/seal"
)

const (
	tokensURL = "/access/api/v1/tokens"
	oneYear   = 365 * 24 * 3600
)

// asForm sends a body as a form.
var asForm = header("Content-Type", form)

func fields(pairs ...string) string {
	f := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Add(pairs[i], pairs[i+1])
	}
	return f.Encode()
}

// has fails unless the body is an object of these keys, in this order.
func (a answer) has(keys ...string) answer {
	a.t.Helper()
	in := json.NewDecoder(strings.NewReader(a.body))
	var got []string
	depth := 0
	for key := true; ; {
		token, err := in.Token()
		if err != nil {
			break
		}
		switch d, _ := token.(json.Delim); d {
		case '{', '[':
			depth++
			key = true
			continue
		case '}', ']':
			depth--
			key = true
			continue
		}
		if depth == 1 && key {
			got = append(got, token.(string))
		}
		key = !key
	}
	if !slices.Equal(got, keys) {
		a.t.Errorf("%s: keys %q, want %q", a.at, got, keys)
	}
	if a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
		a.t.Errorf("%s: %v", a.at, a.header)
	}
	return a
}

// number is one whole number of a JSON answer; 0 where there is none.
func (a answer) number(name string) int64 {
	a.t.Helper()
	object := map[string]any{}
	in := json.NewDecoder(strings.NewReader(a.body))
	in.UseNumber()
	if err := in.Decode(&object); err != nil {
		a.t.Fatalf("%s: %d %q is no JSON object", a.at, a.status, a.body)
	}
	n, _ := object[name].(json.Number)
	v, _ := n.Int64()
	return v
}

// lasts fails unless expires_in is this many seconds, or one fewer where a
// second passed between the token's end and its beginning.
func (a answer) lasts(seconds int64) {
	a.t.Helper()
	if got := a.number("expires_in"); got != seconds && (seconds == 0 || got != seconds-1) {
		a.t.Errorf("%s: expires_in %d, want %d", a.at, got, seconds)
	}
}

// refusedByAccess fails unless the body is {"errors":[{"code","detail","message"}]}.
func (a answer) refusedByAccess(status int) {
	a.t.Helper()
	a.is(status)
	var object map[string][]map[string]string
	err := json.Unmarshal([]byte(a.body), &object)
	want := strings.ToUpper(strings.ReplaceAll(http.StatusText(status), " ", "_"))
	if err != nil || len(object) != 1 || len(object["errors"]) != 1 || len(object["errors"][0]) != 3 || object["errors"][0]["code"] != want ||
		object["errors"][0]["detail"] == "" || object["errors"][0]["message"] == "" {
		a.t.Errorf("%s: %d %q, want the code %s", a.at, a.status, a.body, want)
	}
	if a.header.Get("Content-Type") != "application/json" {
		a.t.Errorf("%s: %v", a.at, a.header)
	}
}

// refusedByOAuth fails unless the body is {"error":code,"error_description"}.
func (a answer) refusedByOAuth(status int, code string) {
	a.t.Helper()
	a.is(status)
	var object map[string]string
	err := json.Unmarshal([]byte(a.body), &object)
	if err != nil || len(object) != 2 || object["error"] != code || object["error_description"] == "" {
		a.t.Errorf("%s: %d %q, want the code %s", a.at, a.status, a.body, code)
	}
	if a.header.Get("Content-Type") != "application/json" {
		a.t.Errorf("%s: %v", a.at, a.header)
	}
}

// plant takes the secrets of an answer in that the harness does not know of.
func (h *house) plant(a answer) answer {
	h.t.Helper()
	if text := a.field("refresh_token"); text != "" {
		h.secret.texts = append(h.secret.texts, text)
	}
	return a
}

// tokens are the ids of all live tokens.
func (h *house) tokens() []string {
	h.t.Helper()
	all, err := h.auth.Tokens.ListAll(h.t.Context(), h.admin, auth.TokenFilter{})
	if err != nil {
		h.t.Fatal(err)
	}
	ids := make([]string, len(all))
	for i, tok := range all {
		ids[i] = tok.ID
	}
	slices.Sort(ids)
	return ids
}

// written are the events that the trail got while fn ran.
func (h *house) audited(fn func()) []auth.Event {
	h.t.Helper()
	before := len(h.trail.all())
	fn()
	var events []auth.Event
	for line := range bytes.Lines(h.trail.all()[before:]) {
		var e auth.Event
		if err := json.Unmarshal(line, &e); err != nil {
			h.t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// saw fails unless one of the events is this action with this result.
func saw(t *testing.T, events []auth.Event, action, result string) {
	t.Helper()
	if !slices.ContainsFunc(events, func(e auth.Event) bool { return e.Action == action && e.Result == result }) {
		t.Errorf("no %s %s in the trail: %+v", action, result, events)
	}
}

// token makes one by POST /access/api/v1/tokens.
func (h *house) token(body any, shown ...with) answer {
	h.t.Helper()
	return h.plant(h.do("POST", tokensURL, body, shown...).is(http.StatusOK))
}

// whois is the user that a credential is accepted for; "" when it is refused.
func (h *house) whois(shown with) string {
	h.t.Helper()
	a := h.do("GET", v1+"/whoami", nil, shown)
	if a.status != http.StatusOK {
		return ""
	}
	return a.field("user")
}

// group makes a group of one.
func (h *house) group(name, member string) {
	h.t.Helper()
	admin := basic("admin", h.adminPassword)
	h.do("POST", v1+"/groups", map[string]any{"name": name}, admin).is(http.StatusCreated)
	h.do("PATCH", v1+"/users/"+member, map[string]any{"groups": []string{name}}, admin).is(http.StatusOK)
}

// claims are what a JWT says, its signature unseen.
func claims(t *testing.T, jwt string) map[string]any {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", jwt)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// foreignToken is one that another installation made.
var foreignToken = sync.OnceValue(func() string {
	ring, err := seal.NewRing()
	if err != nil {
		panic(err)
	}
	jwt, err := ring.SignJWT(seal.Access, "JWT", map[string]any{
		"iss": "jfac@other", "sub": "jfac@other/users/alice", "scp": "applied-permissions/user", "aud": "*@*",
		"jti": "7b0f4a0e-0000-4000-8000-000000000000", "iat": 1700000000, "ext": `{"revocable":"true"}`,
	})
	if err != nil {
		panic(err)
	}
	return jwt
})

// TestJFrogTokenCreate is the row "create" of the dialect: JSON or form, by
// every kind of credential, with exactly the keys that clients read.
func TestJFrogTokenCreate(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.group("readers", "alice")
	alice, admin := basic("alice", alicePassword), basic("admin", h.adminPassword)
	plain := []string{"token_id", "access_token", "expires_in", "scope", "token_type"}
	for name, row := range map[string]struct {
		body  any
		media with
		keys  []string
		life  int64
		scope string
	}{
		"no body":           {nil, nil, plain, oneYear, "applied-permissions/user"},
		"empty object":      {"{}", nil, plain, oneYear, "applied-permissions/user"},
		"empty form fields": {"grant_type=&username=&scope=&expires_in=&refreshable=", asForm, plain, oneYear, "applied-permissions/user"},
		"never":             {`{"expires_in":0}`, nil, []string{"token_id", "access_token", "scope", "token_type"}, 0, "applied-permissions/user"},
		"never, by form":    {"expires_in=0", asForm, []string{"token_id", "access_token", "scope", "token_type"}, 0, "applied-permissions/user"},
		"a minute":          {`{"expires_in":60,"grant_type":"client_credentials"}`, nil, plain, 60, "applied-permissions/user"},
		"as terraform asks": {
			`{"grant_type":"client_credentials","username":"alice","project_key":"","scope":"applied-permissions/user","expires_in":0,"refreshable":false,"description":"","audience":"","include_reference_token":false}`,
			nil, []string{"token_id", "access_token", "scope", "token_type"}, 0, "applied-permissions/user"},
		"as python asks": {
			fields("username", "Alice", "scope", "applied-permissions/groups:readers", "expires_in", "3600", "refreshable", "True", "include_reference_token", "False"),
			asForm, []string{"token_id", "access_token", "expires_in", "scope", "token_type", "refresh_token"}, 3600, "applied-permissions/groups:readers"},
		"all": {
			`{"grant_type":"client_credentials","username":"alice","project_key":null,"scope":"artifact:lfs/team:r system:metrics:r","expires_in":7200,"refreshable":true,"description":"ci: é","audience":"jfrt@*","include_reference_token":true,"force_revocable":true}`,
			nil, []string{"token_id", "access_token", "expires_in", "scope", "token_type", "refresh_token", "reference_token"}, 7200, "artifact:lfs/team:r system:metrics:r"},
	} {
		t.Run(name, func(t *testing.T) {
			h := h.in(t)
			shown := []with{alice}
			if row.media != nil {
				shown = append(shown, row.media)
			}
			var a answer
			saw(t, h.audited(func() { a = h.token(row.body, shown...) }), "token.create", "ok")
			a.has(row.keys...)
			a.lasts(row.life)
			if a.field("scope") != row.scope || a.field("token_type") != "Bearer" {
				t.Error(a.body)
			}
			c := claims(t, a.field("access_token"))
			sub, _ := c["sub"].(string)
			if iss, _ := c["iss"].(string); c["jti"] != a.field("token_id") || !strings.HasPrefix(iss, "jfac@") || sub != iss+"/users/alice" || c["scp"] != row.scope {
				t.Errorf("%v", c)
			}
			if got := h.whois(bearer(a.field("access_token"))); got != "alice" {
				t.Errorf("the token is of %q", got)
			}
			if ref := a.field("reference_token"); ref != "" && h.whois(apiKey(ref)) != "alice" {
				t.Error("the reference form does not work")
			}
		})
	}
	t.Run("by every kind of credential", func(t *testing.T) {
		h := h.in(t)
		key := h.do("POST", keyURL, nil, alice).is(http.StatusCreated).field("apiKey")
		first := h.token(`{"expires_in":0,"include_reference_token":true}`, alice)
		encrypted := h.do("GET", encryptedURL, nil, alice).is(http.StatusOK).body
		for _, shown := range []with{
			apiKey(key), basic("alice", key), bearer(first.field("access_token")), bearer(first.field("reference_token")),
			apiKey(first.field("reference_token")), basic("alice", first.field("access_token")), basic("alice", encrypted),
		} {
			if got := h.whois(bearer(h.token(nil, shown).field("access_token"))); got != "alice" {
				t.Errorf("the token is of %q", got)
			}
		}
	})
	t.Run("for somebody else by the administrator", func(t *testing.T) {
		a := h.in(t).token(`{"username":"ALICE","scope":"applied-permissions/groups:nobodys"}`, admin)
		if got := h.in(t).whois(bearer(a.field("access_token"))); got != "alice" {
			t.Errorf("the token is of %q", got)
		}
	})
	t.Run("for administrators by one", func(t *testing.T) {
		h.in(t).token(`{"scope":"applied-permissions/admin"}`, admin).has(plain...)
	})
}

// TestJFrogTokenRefused: each refusal has its status and shape, and leaves
// nothing behind.
func TestJFrogTokenRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{policy: auth.Policy{TokenMax: 24 * time.Hour}})
	h.group("readers", "alice")
	alice, eve, admin := basic("alice", alicePassword), basic("eve", evePassword), basic("admin", h.adminPassword)
	narrow := bearer(h.token(`{"scope":"artifact:lfs/team:r","expires_in":3600}`, alice).field("access_token"))
	group := bearer(h.token(`{"scope":"applied-permissions/groups:readers","expires_in":3600}`, alice).field("access_token"))
	const audited = "token.create"
	for name, row := range map[string]struct {
		body   string
		shown  []with
		status int
		act    string // that the trail has; empty: refused before it was one
	}{
		"nobody":                        {`{}`, nil, 401, ""},
		"nobody, with a form":           {"", []with{asForm}, 401, ""},
		"wrong password":                {`{}`, []with{basic("alice", "wrong, and only here")}, 401, "identify"},
		"unknown Bearer":                {`{}`, []with{bearer("cmVmd" + strings.Repeat("x", 59))}, 401, "identify"},
		"no JSON":                       {`{`, []with{alice}, 400, ""},
		"another media type":            {`{}`, []with{alice, header("Content-Type", "text/plain")}, 400, ""},
		"JSON called a form":            {`{"scope":"applied-permissions/user"}`, []with{alice, asForm}, 400, ""},
		"unknown key":                   {`{"scopes":"artifact:lfs/team:r"}`, []with{alice}, 400, ""},
		"unknown field":                 {"scopes=artifact:lfs/team:r", []with{alice, asForm}, 400, ""},
		"key in other letters":          {`{"Scope":"artifact:lfs/team:r"}`, []with{alice}, 400, ""},
		"key twice":                     {`{"scope":"artifact:lfs/team:r","scope":"applied-permissions/user"}`, []with{alice}, 400, ""},
		"field twice":                   {"expires_in=5&expires_in=0", []with{alice, asForm}, 400, ""},
		"grant_type of another kind":    {`{"grant_type":"password"}`, []with{alice}, 400, ""},
		"a project":                     {`{"project_key":"p"}`, []with{alice}, 400, ""},
		"a refresh token to create":     {`{"refresh_token":"x"}`, []with{alice}, 400, ""},
		"an access token to create":     {`{"access_token":"x"}`, []with{alice}, 400, ""},
		"expires_in as a power":         {`{"expires_in":1e3}`, []with{alice}, 400, ""},
		"expires_in with a fraction":    {`{"expires_in":1.5}`, []with{alice}, 400, ""},
		"expires_in negative":           {`{"expires_in":-1}`, []with{alice}, 400, ""},
		"expires_in 2^63":               {`{"expires_in":9223372036854775808}`, []with{alice}, 400, ""},
		"expires_in 2^63-1":             {`{"expires_in":9223372036854775807}`, []with{alice}, 400, ""},
		"expires_in as text":            {`{"expires_in":"60"}`, []with{alice}, 400, ""},
		"expires_in a word":             {"expires_in=never", []with{alice, asForm}, 400, ""},
		"expires_in with a sign":        {"expires_in=%2B60", []with{alice, asForm}, 400, ""},
		"over the maximum":              {`{"expires_in":86401}`, []with{alice}, 403, audited},
		"over the caller's end":         {`{"expires_in":7200,"scope":"applied-permissions/groups:readers"}`, []with{group}, 403, audited},
		"over-long username":            {`{"username":"` + strings.Repeat("a", 256) + `"}`, []with{admin}, 400, ""},
		"no username at all":            {`{"username":"a/b"}`, []with{admin}, 400, ""},
		"a secret for a username":       {`{"username":"cmVmd` + strings.Repeat("x", 59) + `"}`, []with{admin}, 400, ""},
		"a username in other letters":   {`{"username":"al\u0131ce"}`, []with{admin}, 400, ""},
		"an unknown username":           {`{"username":"nobody"}`, []with{admin}, 400, audited},
		"somebody else":                 {`{"username":"alice"}`, []with{eve}, 403, audited},
		"somebody who is not":           {`{"username":"nobody"}`, []with{eve}, 403, audited},
		"over-long scope":               {`{"scope":"` + strings.Repeat("x", 501) + `"}`, []with{alice}, 400, audited},
		"unknown scope":                 {`{"scope":"everything"}`, []with{alice}, 400, audited},
		"legacy scope":                  {`{"scope":"member-of-groups:*"}`, []with{alice}, 400, audited},
		"roles of a project":            {`{"scope":"applied-permissions/roles:p:r"}`, []with{alice}, 400, audited},
		"administrators' scope":         {`{"scope":"applied-permissions/admin"}`, []with{alice}, 403, audited},
		"administrators' for a user":    {`{"scope":"applied-permissions/admin","username":"alice"}`, []with{admin}, 400, audited},
		"a group of others":             {`{"scope":"applied-permissions/groups:writers"}`, []with{alice}, 403, ""},
		"wider than the caller":         {`{"scope":"artifact:lfs/team:r,w","expires_in":60}`, []with{narrow}, 403, audited},
		"all of a narrow caller":        {`{"expires_in":60}`, []with{narrow}, 403, audited},
		"over-long description":         {`{"description":"` + strings.Repeat("x", 1025) + `"}`, []with{alice}, 400, audited},
		"control character":             {`{"description":"a\u0000b"}`, []with{alice}, 400, audited},
		"over-long audience":            {`{"audience":"` + strings.Repeat("x", 256) + `"}`, []with{alice}, 400, audited},
		"refreshable as text":           {`{"refreshable":"true"}`, []with{alice}, 400, ""},
		"a body of 65 KiB":              {`{"description":"` + strings.Repeat("x", 65<<10) + `"}`, []with{alice}, 413, ""},
		"refresh without the token":     {`{"grant_type":"refresh_token"}`, nil, 400, ""},
		"refresh and another scope":     {`{"grant_type":"refresh_token","refresh_token":"x","scope":"applied-permissions/admin"}`, nil, 400, ""},
		"refresh and another user":      {`{"grant_type":"refresh_token","refresh_token":"x","username":"admin"}`, nil, 400, ""},
		"refresh and another end":       {`{"grant_type":"refresh_token","refresh_token":"x","expires_in":1}`, nil, 400, ""},
		"refresh and another audience":  {`{"grant_type":"refresh_token","refresh_token":"x","audience":"y"}`, nil, 400, ""},
		"refresh, not to be again":      {`{"grant_type":"refresh_token","refresh_token":"x","refreshable":false}`, nil, 400, ""},
		"refresh with something else":   {`{"grant_type":"refresh_token","refresh_token":"x"}`, nil, 404, "token.refresh"},
		"refresh with an API key":       {`{"grant_type":"refresh_token","refresh_token":"AKCp8` + strings.Repeat("x", 68) + `"}`, nil, 404, "token.refresh"},
		"refresh with one made up":      {`{"grant_type":"refresh_token","refresh_token":"LKrt1` + strings.Repeat("x", 59) + `"}`, nil, 404, "token.refresh"},
		"refresh of 60 KiB":             {`{"grant_type":"refresh_token","refresh_token":"` + strings.Repeat("x", 60<<10) + `"}`, nil, 404, "token.refresh"},
		"refresh with a wrong password": {`{"grant_type":"refresh_token","refresh_token":"x"}`, []with{basic("alice", "wrong wrong wrong")}, 404, "token.refresh"},
	} {
		t.Run(name, func(t *testing.T) {
			h := h.in(t)
			before := h.tokens()
			events := h.audited(func() { h.do("POST", tokensURL, row.body, row.shown...).refusedByAccess(row.status) })
			if row.act != "" {
				saw(t, events, row.act, "refused")
			}
			if after := h.tokens(); !slices.Equal(before, after) {
				t.Errorf("tokens were %v, are %v", before, after)
			}
		})
	}
}

// TestJFrogTokenExpiry: what is not said, 0, and the maximum.
func TestJFrogTokenExpiry(t *testing.T) {
	t.Parallel()
	alice := basic("alice", alicePassword)
	for name, row := range map[string]struct {
		policy       auth.Policy
		unsaid, zero int64 // expires_in of the answers
	}{
		"nothing configured":  {auth.Policy{}, oneYear, 0},
		"a default":           {auth.Policy{TokenDefault: 2 * time.Hour}, 7200, 0},
		"a maximum":           {auth.Policy{TokenMax: 30 * time.Minute}, 1800, 1800},
		"both":                {auth.Policy{TokenDefault: time.Hour, TokenMax: 2 * time.Hour}, 3600, 3600},
		"none by default":     {auth.Policy{TokenDefault: auth.Endless}, 0, 0},
		"none, and a maximum": {auth.Policy{TokenDefault: auth.Endless, TokenMax: 2 * time.Hour}, 7200, 7200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, houseConfig{policy: row.policy})
			h.token(`{}`, alice).lasts(row.unsaid)
			h.token(`{"expires_in":0}`, alice).lasts(row.zero)
			half := bearer(h.token(fields("expires_in", "1800"), alice, asForm).field("access_token"))
			if got := h.token(`{"expires_in":0}`, half).number("expires_in"); got < 1700 || got > 1800 {
				t.Errorf("0 through a token that ends: %d", got)
			}
			if got := h.do("GET", "/access/api/v1/config/token/default_expiry", nil, alice).is(http.StatusOK).has("default_token_expiration").number("default_token_expiration"); got != row.unsaid {
				t.Errorf("default_expiry %d, want %d", got, row.unsaid)
			}
		})
	}
}

func TestJFrogTokenDefaultExpiry(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	const at = "/access/api/v1/config/token/default_expiry"
	body := `{"default_token_expiration":60}`
	h.do("PUT", at, body, basic("admin", h.adminPassword)).refusedByAccess(http.StatusBadRequest)
	h.do("PUT", at, body, basic("alice", alicePassword)).refusedByAccess(http.StatusForbidden)
	h.do("PUT", at, body).refusedByAccess(http.StatusUnauthorized)
	h.do("GET", at, nil).refusedByAccess(http.StatusUnauthorized)
}

// listed are the tokens of a list by id.
func (a answer) listed() map[string]map[string]any {
	a.t.Helper()
	var list struct {
		Tokens []map[string]any `json:"tokens"`
	}
	if err := json.Unmarshal([]byte(a.is(http.StatusOK).has("tokens").body), &list); err != nil || list.Tokens == nil {
		a.t.Fatalf("%s: %q is no list", a.at, a.body)
	}
	byID := map[string]map[string]any{}
	for _, tok := range list.Tokens {
		id, _ := tok["token_id"].(string)
		byID[id] = tok
	}
	return byID
}

// TestJFrogTokenList is the rows "list" and "one".
func TestJFrogTokenList(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice, eve, admin := basic("alice", alicePassword), basic("eve", evePassword), basic("admin", h.adminPassword)
	if got := h.do("GET", tokensURL, nil, alice); got.is(http.StatusOK).body != `{"tokens":[]}` {
		t.Error(got.body)
	}
	ids, made := map[string]string{}, map[string]answer{}
	for name, row := range map[string]struct {
		body  string
		shown with
	}{
		"alice's":             {`{"description":"ci build","expires_in":3600}`, alice},
		"alice's endless":     {`{"expires_in":0}`, alice},
		"alice's refreshable": {`{"description":"ci deploy","refreshable":true}`, alice},
		"eve's":               {`{"description":"ci"}`, eve},
	} {
		made[name] = h.token(row.body, row.shown)
		ids[made[name].field("token_id")] = name
	}
	names := func(a answer) string {
		t.Helper()
		var out []string
		for id := range a.listed() {
			out = append(out, ids[id])
		}
		slices.Sort(out)
		return strings.Join(out, ", ")
	}
	for query, want := range map[string]string{
		"":                        "alice's, alice's endless, alice's refreshable",
		"?username=alice":         "alice's, alice's endless, alice's refreshable",
		"?username=ALICE":         "alice's, alice's endless, alice's refreshable",
		"?description=ci%20build": "alice's",
		"?description=ci*":        "alice's, alice's refreshable",
		"?description=CI*":        "",
		"?description=*":          "alice's, alice's endless, alice's refreshable",
		"?refreshable=true":       "alice's refreshable",
		"?refreshable=false":      "alice's, alice's endless",
		"?username=&description=ci+*&refreshable=": "alice's, alice's refreshable",
		"?description=ci*&refreshable=false":       "alice's",
	} {
		if got := names(h.do("GET", tokensURL+query, nil, alice)); got != want {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
	}
	for query, want := range map[string]string{
		"":                            "alice's, alice's endless, alice's refreshable, eve's",
		"?username=eve":               "eve's",
		"?username=nobody":            "",
		"?username=eve&description=x": "",
	} {
		if got := names(h.do("GET", tokensURL+query, nil, admin)); got != want {
			t.Errorf("as administrator, %q: %s, want %s", query, got, want)
		}
	}
	for _, query := range []string{
		"?description=*ci", "?description=c*i", "?description=**", "?refreshable=yes", "?refreshable=True", "?username=a*", "?username=a/b",
		"?user=alice", "?Username=alice", "?order_by=created", "?username=alice&username=alice", "?username=%zz", "?a;b", "?username=" + strings.Repeat("x", 5000),
	} {
		h.do("GET", tokensURL+query, nil, alice).refusedByAccess(http.StatusBadRequest)
	}
	h.do("GET", tokensURL+"?username=alice", nil, eve).refusedByAccess(http.StatusForbidden)
	h.do("GET", tokensURL, nil).refusedByAccess(http.StatusUnauthorized)

	one := func(a answer, keys ...string) answer { return a.is(http.StatusOK).has(keys...) }
	ending := []string{"token_id", "subject", "expiry", "issued_at", "issuer", "description", "refreshable"}
	mine := made["alice's"]
	got := one(h.do("GET", tokensURL+"/"+mine.field("token_id"), nil, alice), ending...)
	c := claims(t, mine.field("access_token"))
	if got.field("subject") != c["sub"] || got.field("issuer") != c["iss"] || float64(got.number("expiry")) != c["exp"] || float64(got.number("issued_at")) != c["iat"] || got.field("description") != "ci build" {
		t.Errorf("%s, and the token says %v", got.body, c)
	}
	one(h.do("GET", tokensURL+"/"+made["alice's endless"].field("token_id"), nil, admin), "token_id", "subject", "issued_at", "issuer", "description", "refreshable")
	me := one(h.do("GET", tokensURL+"/me", nil, bearer(mine.field("access_token"))), ending...)
	if me.body != got.body {
		t.Errorf("me is %s, and by id it is %s", me.body, got.body)
	}
	h.do("GET", tokensURL+"/me", nil, alice).refusedByAccess(http.StatusNotFound)
	for _, id := range []string{mine.field("token_id"), "7b0f4a0e-0000-4000-8000-000000000000", "x", strings.Repeat("x", 4000)} {
		h.do("GET", tokensURL+"/"+id, nil, eve).refusedByAccess(http.StatusNotFound)
	}
	h.do("GET", tokensURL+"/"+mine.field("token_id"), nil).refusedByAccess(http.StatusUnauthorized)
	h.do("GET", tokensURL+"/me", nil).refusedByAccess(http.StatusUnauthorized)
}

// TestJFrogTokenEnded: clients look for these words, and refresh.
func TestJFrogTokenEnded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice := basic("alice", alicePassword)
	short := bearer(h.token(`{"expires_in":1}`, alice).field("access_token"))
	h.eventually("the token ends", func() bool { return h.do("GET", tokensURL+"/me", nil, short).status == http.StatusUnauthorized })
	a := h.do("GET", tokensURL+"/me", nil, short)
	a.refusedByAccess(http.StatusUnauthorized)
	if !strings.Contains(a.body, "Invalid token, expired") {
		t.Error(a.body)
	}
	a = h.do("GET", oldTokensURL, nil, short)
	a.refusedByOAuth(http.StatusUnauthorized, "invalid_client")
	if !strings.Contains(a.body, "Token failed verification: expired") {
		t.Error(a.body)
	}
}

// eventually asks until it is so.
func (h *house) eventually(what string, so func() bool) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			h.t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// TestJFrogTokenRevoke is the rows "revoke" and "revoke by value".
func TestJFrogTokenRevoke(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice, eve, admin := basic("alice", alicePassword), basic("eve", evePassword), basic("admin", h.adminPassword)
	token := func(t *testing.T, body string) answer { return h.in(t).token(body, alice) }
	gone := func(t *testing.T, a answer) {
		t.Helper()
		if got := h.in(t).whois(bearer(a.field("access_token"))); got != "" {
			t.Errorf("the token still is of %q", got)
		}
		if slices.Contains(h.in(t).tokens(), a.field("token_id")) {
			t.Error("the token is still listed")
		}
		if refresh := a.field("refresh_token"); refresh != "" {
			h.in(t).do("POST", tokensURL, fields("grant_type", "refresh_token", "refresh_token", refresh), asForm).refusedByAccess(http.StatusNotFound)
		}
	}
	lives := func(t *testing.T, a answer) {
		t.Helper()
		if got := h.in(t).whois(bearer(a.field("access_token"))); got != "alice" {
			t.Errorf("the token is of %q", got)
		}
	}
	empty := func(a answer, status int) {
		a.t.Helper()
		if a.is(status).body != "" {
			a.t.Errorf("%s: %q", a.at, a.body)
		}
	}
	for name, shown := range map[string]with{"its owner": alice, "an administrator": admin} {
		t.Run("by id, by "+name+": 200", func(t *testing.T) {
			h, tok := h.in(t), token(t, `{"refreshable":true}`)
			saw(t, h.audited(func() { empty(h.do("DELETE", tokensURL+"/"+tok.field("token_id"), nil, shown), 200) }), "token.revoke", "ok")
			gone(t, tok)
		})
	}
	t.Run("by id, by itself: 200", func(t *testing.T) {
		tok := token(t, `{"scope":"artifact:lfs/team:r"}`)
		empty(h.in(t).do("DELETE", tokensURL+"/"+tok.field("token_id"), nil, bearer(tok.field("access_token"))), 200)
		gone(t, tok)
	})
	t.Run("me: 200, and then 401", func(t *testing.T) {
		h, tok := h.in(t), token(t, `{"include_reference_token":true}`)
		empty(h.do("DELETE", tokensURL+"/me", nil, apiKey(tok.field("reference_token"))), 200)
		gone(t, tok)
		h.do("DELETE", tokensURL+"/me", nil, bearer(tok.field("access_token"))).refusedByAccess(http.StatusUnauthorized)
	})
	t.Run("me by password: 404", func(t *testing.T) {
		before := h.in(t).tokens()
		h.in(t).do("DELETE", tokensURL+"/me", nil, alice).refusedByAccess(http.StatusNotFound)
		if after := h.in(t).tokens(); !slices.Equal(before, after) {
			t.Errorf("tokens were %v, are %v", before, after)
		}
	})
	t.Run("again: 204 to an administrator, 404 to others", func(t *testing.T) {
		h, tok := h.in(t), token(t, `{}`)
		at := tokensURL + "/" + tok.field("token_id")
		empty(h.do("DELETE", at, nil, admin), 200)
		empty(h.do("DELETE", at, nil, admin), 204)
		saw(t, h.audited(func() { h.do("DELETE", at, nil, alice).refusedByAccess(http.StatusNotFound) }), "token.revoke", "refused")
	})
	t.Run("somebody else's: 404, and it lives", func(t *testing.T) {
		h, tok := h.in(t), token(t, `{"include_reference_token":true,"refreshable":true}`)
		saw(t, h.audited(func() {
			h.do("DELETE", tokensURL+"/"+tok.field("token_id"), nil, eve).refusedByAccess(http.StatusNotFound)
		}), "token.revoke", "refused")
		for _, form := range []string{"access_token", "reference_token", "refresh_token"} {
			h.do("DELETE", tokensURL+"/revoke", map[string]string{"token": tok.field(form)}, eve).refusedByAccess(http.StatusNotFound)
		}
		lives(t, tok)
	})
	t.Run("another by a narrow one: 403", func(t *testing.T) {
		h, tok := h.in(t), token(t, `{}`)
		narrow := bearer(token(t, `{"scope":"artifact:lfs/team:r"}`).field("access_token"))
		h.do("DELETE", tokensURL+"/"+tok.field("token_id"), nil, narrow).refusedByAccess(http.StatusForbidden)
		lives(t, tok)
	})
	t.Run("by nobody: 401", func(t *testing.T) {
		h, tok := h.in(t), token(t, `{}`)
		h.do("DELETE", tokensURL+"/"+tok.field("token_id"), nil).refusedByAccess(http.StatusUnauthorized)
		h.do("DELETE", tokensURL+"/revoke", map[string]string{"token": tok.field("access_token")}).refusedByAccess(http.StatusUnauthorized)
		lives(t, tok)
	})
	for _, method := range []string{"DELETE", "POST"} {
		for _, kind := range []string{"access_token", "reference_token", "refresh_token"} {
			t.Run(method+" by value, "+kind, func(t *testing.T) {
				h := h.in(t)
				for _, shown := range []with{alice, admin} {
					tok := token(t, `{"include_reference_token":true,"refreshable":true}`)
					a := h.do(method, tokensURL+"/revoke", fields("token", tok.field(kind)), shown, asForm).is(200).has("revoked-token-id")
					if a.field("revoked-token-id") != tok.field("token_id") {
						t.Error(a.body)
					}
					gone(t, tok)
				}
				tok := token(t, `{"include_reference_token":true,"refreshable":true}`)
				h.do(method, tokensURL+"/revoke", map[string]string{"token": tok.field(kind)}, alice).is(200).has("revoked-token-id")
				gone(t, tok)
				empty(h.do(method, tokensURL+"/revoke", map[string]string{"token": tok.field(kind)}, admin), 204)
				h.do(method, tokensURL+"/revoke", map[string]string{"token": tok.field(kind)}, alice).refusedByAccess(404)
			})
		}
	}
	foreign := foreignToken()
	for name, row := range map[string]struct {
		body   string
		status int
	}{
		"another issuer's":   {fields("token", foreign), 400},
		"not a token":        {fields("token", "x"), 404},
		"a password":         {fields("token", alicePassword), 404},
		"a JWT of no issuer": {fields("token", "eyJhbGciOiJub25lIn0.e30."), 400},
		"no token":           {"", 400},
		"an empty token":     {"token=", 400},
		"a token twice":      {"token=a&token=b", 400},
		"an id":              {"token_id=7b0f4a0e-0000-4000-8000-000000000000", 400},
	} {
		t.Run("by value, "+name, func(t *testing.T) {
			h.in(t).do("DELETE", tokensURL+"/revoke", row.body, alice, asForm).refusedByAccess(row.status)
		})
	}
}

// TestJFrogCertificate: what a plug-in does before it trusts a token.
func TestJFrogCertificate(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	a := h.do("GET", "/access/api/v1/cert/root", nil, basic("alice", "wrong wrong wrong")).is(http.StatusOK)
	der, err := base64.StdEncoding.DecodeString(a.body)
	if err != nil {
		t.Fatalf("%q: %v", a.body, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSignedCompact(h.token(nil, basic("alice", alicePassword)).field("access_token"), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signed.Verify(cert.PublicKey.(*rsa.PublicKey)); err != nil {
		t.Error(err)
	}
	if again := h.do("GET", "/access/api/v1/cert/root", nil); again.body != a.body {
		t.Error("another certificate")
	}
	ping := h.do("GET", "/access/api/v1/system/ping", nil).is(http.StatusOK)
	if ping.body != "OK" || !strings.HasPrefix(ping.header.Get("Content-Type"), "text/plain") {
		t.Errorf("%q, %v", ping.body, ping.header)
	}
}

// TestJFrogAccessNothing: what is not there is told in the shape of Access, and
// with the dialect off nothing is.
func TestJFrogAccessNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	admin := basic("admin", h.adminPassword)
	for _, path := range []string{"/access/api/v1/nothing", "/access/api/v1/tokens/a/b", "/access/api/v1/tokens/", "/access/api/"} {
		h.do("GET", path, nil, admin).refusedByAccess(http.StatusNotFound)
	}
	h.do("PATCH", tokensURL, `{}`, admin).refusedByAccess(http.StatusMethodNotAllowed)
	h.do("PATCH", oldTokensURL, `{}`, admin).is(http.StatusNotFound).envelope()

	h = newHouse(t, houseConfig{noJFrog: true})
	for _, at := range []string{"POST " + tokensURL, "GET " + tokensURL, "GET " + tokensURL + "/me", "POST " + oldTokensURL, "GET /access/api/v1/cert/root", "GET /access/api/v1/system/ping"} {
		method, path, _ := strings.Cut(at, " ")
		h.do(method, path, nil, basic("admin", h.adminPassword)).is(http.StatusNotFound)
	}
}

// TestJFrogTokenClaims: a JWT says what clients read in it, in their types;
// one without an end has no exp.
func TestJFrogTokenClaims(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	id := strings.TrimPrefix(h.do("GET", "/artifactory/api/system/service_id", nil, basic("alice", alicePassword)).is(http.StatusOK).body, "jfrt@")
	for body, ends := range map[string]bool{`{"expires_in":0}`: false, `{"expires_in":3600,"audience":"jfrt@*","scope":"artifact:team/a:r"}`: true} {
		a := h.do("POST", "/access/api/v1/tokens", body, header("Content-Type", "application/json"), basic("alice", alicePassword)).is(http.StatusOK)
		parts := strings.Split(a.field("access_token"), ".")
		head, err1 := base64.RawURLEncoding.DecodeString(parts[0])
		payload, err2 := base64.RawStdEncoding.DecodeString(parts[1]) // as clients do
		if err1 != nil || err2 != nil || len(parts) != 3 {
			t.Fatal(err1, err2, len(parts))
		}
		var top struct{ Ver, Typ, Alg, Kid string }
		if err := json.Unmarshal(head, &top); err != nil || top.Ver != "2" || top.Typ != "JWT" || top.Alg != "RS256" || len(top.Kid) != 43 {
			t.Errorf("%s %v", head, err)
		}
		var claims map[string]any
		in := json.NewDecoder(bytes.NewReader(payload))
		in.UseNumber()
		if err := in.Decode(&claims); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{
			"iss": "jfac@" + id, "sub": "jfac@" + id + "/users/alice", "jti": a.field("token_id"), "ext": `{"revocable":"true"}`,
			"scp": "applied-permissions/user", "aud": "*@*",
		}
		if ends {
			want["scp"], want["aud"] = "artifact:team/a:r", "jfrt@*"
		}
		for name, value := range want {
			if claims[name] != value {
				t.Errorf("%s: %s is %v, want %v", body, name, claims[name], value)
			}
		}
		exp, given := claims["exp"].(json.Number)
		if _, err := claims["iat"].(json.Number).Int64(); err != nil || given != ends {
			t.Errorf("%s: %v", body, claims)
		}
		if _, err := exp.Int64(); ends && err != nil {
			t.Errorf("%s: exp %s", body, exp)
		}
		if len(claims) != len(want)+1 && !ends || len(claims) != len(want)+2 && ends {
			t.Errorf("%s: %v", body, claims)
		}
	}
}
