package gateway_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

// A store's tables that a refused attempt may write to: what was used when,
// what was guessed, from where, and which forms were sent.
var notes = []string{"used/", "guess/", "places/", "form/"}

// kept is all that the store keeps, but for notes.
func (h *house) kept() map[string]string {
	h.t.Helper()
	all := make(map[string]string)
	for item, err := range h.store.List(h.t.Context(), "") {
		if err != nil {
			h.t.Fatal(err)
		}
		if !slices.ContainsFunc(notes, func(table string) bool { return strings.HasPrefix(item.Key, table) }) {
			all[item.Key] = string(item.Value)
		}
	}
	return all
}

// unchanged reports what differs from before.
func (h *house) unchanged(what string, before map[string]string) {
	h.t.Helper()
	after := h.kept()
	for key, value := range after {
		if was, ok := before[key]; !ok || was != value {
			h.t.Errorf("%s changed %s: %s, was %s", what, key, value, was)
		}
	}
	for key := range before {
		if _, ok := after[key]; !ok {
			h.t.Errorf("%s removed %s", what, key)
		}
	}
}

// estate is a house in which alice and the administrator have one of
// everything, so that each page has something to be about.
type estate struct {
	*house
	box *letterBox
	of  map[string]map[string]string // ids by owner and kind
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	h, _ := newHouseWithDoors(t, houseConfig{})
	e := &estate{house: h, of: make(map[string]map[string]string)}
	e.box = e.takeLetters()
	e.auth.SetUpstreams([]auth.Upstream{{Name: "registry", URL: registryOf(t), Send: auth.UpstreamBasic}}, gateway.Probe{})
	e.haveGroups("builders")
	for name, password := range map[string]string{"alice": alicePassword, "admin": e.adminPassword} {
		who := e.identify(name, password)
		ctx := t.Context()
		apiKey, err := e.auth.Keys.Create(ctx, who, name)
		tok, err2 := e.auth.Tokens.Create(ctx, who, auth.NewToken{Description: "of " + name})
		key, err3 := e.auth.SSHKeys.Create(ctx, who, auth.NewSSHKey{Line: newSSHLine(t)})
		_, err4 := e.auth.Upstreams.Set(ctx, who, name, "registry", name+"-there", auth.NewSecret(upstreamSecret))
		_, session, err5 := e.auth.Sessions.SignIn(ctx, auth.Peer{Door: "http", Client: "Mozilla/5.0"}, name, auth.NewSecret(password), false)
		for _, err := range []error{err, err2, err3, err4, err5} {
			if err != nil {
				t.Fatal(err)
			}
		}
		e.secret.texts = append(e.secret.texts, upstreamSecret, apiKey.Secret.Reveal(), tok.JWT.Reveal())
		e.of[name] = map[string]string{"tokens": tok.ID, "sshkeys": key.ID, "ssh": key.ID, "sessions": session.ID, "upstreams": "registry", "accounts": e.link(name, password)}
	}
	return e
}

// newSSHLine is a public key as a .pub file has it.
func newSSHLine(t *testing.T) string {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// at is the address that a pattern has for owner, alice's where it is about
// another account.
func (e *estate) at(pattern, owner string) string {
	e.t.Helper()
	_, path, _ := strings.Cut(pattern, " ")
	path = strings.TrimSuffix(path, "{$}")
	if strings.Contains(path, "{user}") {
		owner = "alice"
	}
	path = strings.NewReplacer("{user}", "alice", "{upstream}", "registry").Replace(path)
	for kind, id := range e.of[owner] {
		path = strings.ReplaceAll(path, "/"+kind+"/{id}", "/"+kind+"/"+id)
	}
	if strings.Contains(path, "{") {
		e.t.Fatalf("nothing is known for %s", pattern)
	}
	if strings.HasSuffix(path, "/groups/edit") || strings.HasSuffix(path, "/groups/delete") {
		path += "?group=builders"
	}
	return path
}

// patternsOf are the pages of a method, sorted.
func patternsOf(method string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(gateway.PagePatterns())), func(p string) bool { return !strings.HasPrefix(p, method+" ") })
}

// guarded checks what keeps a page from being framed, kept, read by other
// sites or opened by them.
func (a answer) guarded() {
	a.t.Helper()
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"Access-Control-Allow-Origin": "", "Access-Control-Allow-Credentials": "",
	} {
		if got := a.header.Get(name); got != want {
			a.t.Errorf("%s (%d): %s %q", a.at, a.status, name, got)
		}
	}
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		return
	}
	policy := a.header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action "} {
		if !strings.Contains(policy, part) {
			a.t.Errorf("%s (%d): Content-Security-Policy %q", a.at, a.status, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || a.header.Get("X-Frame-Options") != "DENY" || a.header.Get("Cross-Origin-Opener-Policy") != "same-origin" {
		a.t.Errorf("%s (%d): %v", a.at, a.status, a.header)
	}
}

// TestEveryPageOnlyShows: reading any page, as whoever, with whatever in its
// query, changes nothing, and all have the headers of pages.
func TestEveryPageOnlyShows(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	people := map[string]with{
		"nobody": func(*http.Request) {}, "alice": e.browser(e.signIn("alice", alicePassword)), "alice, unlocked": e.unlocked("alice", alicePassword),
		"admin": e.browser(e.signIn("admin", e.adminPassword)), "admin, unlocked": e.unlocked("admin", e.adminPassword),
	}
	before := e.kept()
	for _, pattern := range patternsOf("GET") {
		if strings.HasSuffix(pattern, ".css") || strings.HasSuffix(pattern, ".js") {
			continue
		}
		for name, shown := range people {
			owner := "alice"
			if strings.HasPrefix(name, "admin") {
				owner = "admin"
			}
			at := e.at(pattern, owner)
			page := e.do("GET", at, nil, navigate, shown)
			page.guarded()
			isAdmin := strings.Contains(pattern, "/ui/admin")
			switch {
			case name == "nobody" && gateway.PagePatterns()[pattern]:
				page.is(http.StatusSeeOther)
			case isAdmin && owner == "alice":
				page.is(http.StatusForbidden)
			case page.status >= 400 && at != "/ui/reset" && at != "/ui/email":
				t.Errorf("%s as %s: %d", at, name, page.status)
			}
			if head := e.do("HEAD", at, nil, navigate, shown); head.status != page.status || head.body != "" {
				t.Errorf("HEAD %s as %s: %d, GET %d", at, name, head.status, page.status)
			}
			// What would be the fields of a form, in the query.
			sep := "?"
			if strings.Contains(at, "?") {
				sep = "&"
			}
			more := url.Values{"password": {"x"}, "done": {"<b>"}, "page": {"-1"}, "before": {"-9"}, "after": {"zzz"}, "name": {"alice"}, "words": {"revoke all"}, "answer": {"yes"}, "confirm": {"1"}}
			odd := e.do("GET", at+sep+more.Encode(), nil, navigate, shown)
			odd.guarded()
			if odd.status >= 500 || strings.Contains(odd.body, "<b>") {
				t.Errorf("%s as %s: %d %s", odd.at, name, odd.status, odd.body)
			}
			e.do("OPTIONS", at, nil, shown, header("Origin", "https://evil.example")).guarded()
		}
	}
	e.unchanged("reading", before)
}

// sheet is a form filled in well: sent by its owner, unlocked, it changes
// something.
type sheet struct {
	pattern string
	as      string // alice or admin
	fields  url.Values
}

func (s sheet) isAdmin() bool { return strings.Contains(s.pattern, "/ui/admin/") }

// sheets are the forms that need somebody signed in, in an order in which each
// can be done.
func (e *estate) sheets() []sheet {
	form := func() string { return base64.RawURLEncoding.EncodeToString([]byte(rand.Text()[:16])) }
	one := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return v
	}
	all := []sheet{
		{"POST /ui/profile/tokens", "alice", one("form", form(), "description", "x", "expires", "30", "may", "user")},
		{"POST /ui/profile/tokens/{id}/rotate", "alice", one("form", form(), "overlap", "3600")},
		{"POST /ui/profile/tokens/{id}/revoke", "alice", nil},
		{"POST /ui/profile/ssh", "alice", one("key", newSSHLine(e.t), "title", "x", "expires", "")},
		{"POST /ui/profile/ssh/{id}/delete", "alice", nil},
		{"POST /ui/profile/account/name", "alice", one("display_name", "Another")},
		{"POST /ui/profile/account/email", "alice", one("email", "another@example.com")},
		{"POST /ui/profile/upstreams/{upstream}", "alice", one("name", "alice-there", "secret", upstreamSecret)},
		{"POST /ui/profile/upstreams/{upstream}/delete", "alice", nil},
		{"POST /ui/profile/accounts/{id}/unlink", "alice", nil},
		{"POST /ui/profile/sessions/end", "alice", one("session", e.of["alice"]["sessions"])},
		{"POST /ui/profile/sessions/end-others", "alice", nil},
		{"POST /ui/profile/apikey/rotate", "alice", nil},
		{"POST /ui/profile/apikey/revoke", "alice", nil},
		{"POST /ui/profile/apikey", "alice", nil},
		{"POST /ui/profile/account/password", "alice", one("old", alicePassword, "new", "alice thought of another one", "again", "alice thought of another one")},

		{"POST /ui/admin/users/new", "admin", one("name", "zoe", "email", "zoe@example.com", "kind", "person")},
		{"POST /ui/admin/users/{user}/edit", "admin", one("display_name", "Alice L.", "was_display_name", "Another", "admin", "1", "was_admin", "")},
		{"POST /ui/admin/users/{user}/clear-guesses", "admin", nil},
		{"POST /ui/admin/users/{user}/expire-password", "admin", nil},
		{"POST /ui/admin/users/{user}/unexpire-password", "admin", nil},
		{"POST /ui/admin/users/{user}/reset-link", "admin", one("form", form())},
		{"POST /ui/admin/users/{user}/tokens/{id}/end", "admin", nil},
		{"POST /ui/admin/users/{user}/sshkeys/{id}/end", "admin", nil},
		{"POST /ui/admin/users/{user}/sessions/{id}/end", "admin", nil},
		{"POST /ui/admin/users/{user}/accounts/{id}/end", "admin", nil},
		{"POST /ui/admin/users/{user}/upstreams/{id}/end", "admin", nil},
		{"POST /ui/admin/users/{user}/end-sessions", "admin", nil},
		{"POST /ui/admin/users/{user}/revoke-api-key", "admin", nil},
		{"POST /ui/admin/users/{user}/disable", "admin", nil},
		{"POST /ui/admin/users/{user}/enable", "admin", nil},
		{"POST /ui/admin/users/{user}/delete", "admin", one("name", "alice")},
		{"POST /ui/admin/groups/new", "admin", one("name", "readers", "description", "x")},
		{"POST /ui/admin/groups/edit", "admin", one("description", "x")},
		{"POST /ui/admin/groups/delete", "admin", nil},
		{"POST /ui/admin/keys/revoke-all", "admin", one("words", "revoke all")},
	}
	return all
}

// handsOut are forms that change nothing, and show a secret or what it takes
// to be somebody to see.
var handsOut = []string{
	"POST /ui/profile/apikey/show", "POST /ui/profile/encrypted-password/show", "POST /ui/profile/upstreams/{upstream}/test", "POST /ui/admin/audit/verify",
}

// ownDoors are forms with tests of their own: the ways in and out.
var ownDoors = []string{
	"POST /ui/login", "POST /ui/login/client", "POST /ui/logout", "POST /ui/renew", "POST /ui/forgot", "POST /ui/reset", "POST /ui/email",
	"POST /ui/profile/lock", "POST /ui/profile/unlock",
}

// TestEveryFormIsKnown to the tests of forms.
func TestEveryFormIsKnown(t *testing.T) {
	t.Parallel()
	known := slices.Concat(handsOut, ownDoors)
	for _, s := range (&estate{house: &house{t: t}}).sheets() {
		known = append(known, s.pattern)
	}
	slices.Sort(known)
	if got := patternsOf("POST"); !slices.Equal(got, known) {
		t.Errorf("forms %v, known %v", got, known)
	}
}

// evil are the ways in which a page of another site, or of an upstream on this
// very host in its sandbox, makes a browser send a form, and ways in which one
// is not sent at all.
var evil = map[string][]with{
	"another site":                  {header("Origin", "https://evil.example"), header("Sec-Fetch-Site", "cross-site")},
	"another site, old browser":     {header("Origin", "https://evil.example"), header("Sec-Fetch-Site", "")},
	"a sister site":                 {header("Origin", "https://sister.door.example"), header("Sec-Fetch-Site", "same-site")},
	"a sandboxed page":              {header("Origin", "null"), header("Sec-Fetch-Site", "cross-site")},
	"a sandboxed page, old browser": {header("Origin", "null"), header("Sec-Fetch-Site", "")},
	"nowhere":                       {noHeader("Origin"), noHeader("Sec-Fetch-Site")},
	"a redirect":                    {header("Origin", "null"), header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Mode", "navigate")},
	"an image":                      {header("Origin", "https://evil.example"), header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Dest", "image")},
	"a script of another site":      {header("Origin", "https://evil.example"), header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Mode", "cors"), header("Accept", "application/json")},
	"JSON as text":                  {header("Content-Type", "text/plain"), header("Origin", "https://evil.example"), header("Sec-Fetch-Site", "cross-site")},
	"this site as another port":     {header("Origin", "http://127.0.0.1:1"), header("Sec-Fetch-Site", "")},
	"two origins":                   {header("Origin", "https://evil.example, http://127.0.0.1"), header("Sec-Fetch-Site", "")},
}

func noHeader(name string) with { return func(r *http.Request) { r.Header.Del(name) } }

// TestEveryFormIsRefusedToOthers: no form does anything, or shows a secret,
// for another site, for nobody, for a program's credential, for somebody else
// or in a session that is locked; then each works for its owner.
func TestEveryFormIsRefusedToOthers(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	passwords := map[string]string{"alice": alicePassword, "admin": e.adminPassword}
	key := e.do("GET", keyURL, nil, basic("admin", e.adminPassword)).is(http.StatusOK).field("apiKey")
	token := e.do("POST", v1+"/me/tokens", map[string]any{}, basic("admin", e.adminPassword)).is(http.StatusCreated).field("access_token")
	open, shut := map[string]with{}, map[string]with{}
	for name, password := range passwords {
		open[name], shut[name] = e.unlocked(name, password), e.browser(e.signIn(name, password))
	}
	eve := e.unlocked("eve", evePassword)
	forms := e.sheets()
	for _, pattern := range handsOut {
		as := "alice"
		if strings.Contains(pattern, "admin") {
			as = "admin"
		}
		forms = append([]sheet{{pattern: pattern, as: as}}, forms...)
	}

	before := e.kept()
	for _, s := range forms {
		at := e.at(s.pattern, s.as)
		send := func(what string, shown ...with) answer {
			a := e.submit(at, s.fields, shown...)
			if a.status < 400 && a.status != http.StatusSeeOther || a.status >= 500 || a.status == http.StatusSeeOther && !strings.Contains(a.header.Get("Location"), "/ui/login") && !strings.Contains(a.header.Get("Location"), "-gone") {
				t.Errorf("%s by %s: %d %v", at, what, a.status, a.header)
			}
			if referenced.MatchString(a.body) || strings.Contains(a.body, key) {
				t.Errorf("%s by %s shows a secret: %s", at, what, a.body)
			}
			return a
		}
		for what, as := range evil {
			if a := send(what, append([]with{open[s.as]}, as...)...); a.status != http.StatusForbidden {
				t.Errorf("%s by %s: %d", at, what, a.status)
			}
		}
		send("nobody")
		send("an API key", apiKey(key))
		send("a token", bearer(token))
		send("a password", basic(s.as, passwords[s.as]))
		send("an old cookie", e.browser(&http.Cookie{Name: "latchkey", Value: strings.Repeat("A", 43)}))
		if strings.Contains(s.pattern, "{id}") || s.isAdmin() { // the others are about whoever sends them
			send("eve", eve)
		}
		if s.isAdmin() {
			send("alice", open["alice"])
		}
		if s.pattern != "POST /ui/admin/audit/verify" { // which changes and shows no more than reading does
			send("a locked session", shut[s.as])
			send("a locked session, as a script", shut[s.as], header("Accept", "application/json"), header("Sec-Fetch-Mode", "cors"))
		}
		for what, body := range map[string]string{
			"a field more": s.fields.Encode() + "&owner=admin", "a user more": s.fields.Encode() + "&user=admin", "an id more": s.fields.Encode() + "&id=x",
			"many fields": strings.Repeat("a=1&", 12000), "too much": strings.Repeat("a", 65<<10), "a broken escape": "a=%zz", "a semicolon": "a=1;b=2",
		} {
			if a := e.do("POST", at, body, header("Content-Type", "application/x-www-form-urlencoded"), open[s.as], navigate, header("Sec-Fetch-Site", "same-origin")); a.status < 400 || a.status >= 500 {
				t.Errorf("%s with %s: %d %s", at, what, a.status, a.body)
			}
		}
		for _, media := range []string{"text/plain", "application/json", "multipart/form-data; boundary=x", "application/x-www-form-urlencodedx", ""} {
			body := s.fields.Encode()
			if body == "" {
				body = "x=1"
			}
			if a := e.do("POST", at, body, header("Content-Type", media), open[s.as], header("Sec-Fetch-Site", "same-origin")); a.status < 400 || a.status >= 500 {
				t.Errorf("%s as %q: %d", at, media, a.status)
			}
		}
		// In the query instead of the body, and by another method.
		for _, method := range []string{"PUT", "PATCH", "DELETE"} {
			e.do(method, at, nil, open[s.as], header("X-HTTP-Method-Override", "POST")).is(http.StatusMethodNotAllowed)
		}
		if len(s.fields) > 0 && !strings.Contains(at, "?") {
			e.do("GET", at+"?"+s.fields.Encode(), nil, open[s.as], navigate, header("X-HTTP-Method-Override", "POST"))
		}
	}
	e.unchanged("a form of somebody else's", before)

	for _, s := range forms {
		before := e.kept()
		if s.pattern == "POST /ui/admin/users/{user}/tokens/{id}/end" { // alice's have gone
			e.of["alice"] = e.again()
			before = e.kept()
		}
		a := e.submit(e.at(s.pattern, s.as), s.fields, open[s.as])
		if a.status >= 400 && !slices.Contains(handsOut, s.pattern) {
			t.Errorf("%s: %d %s", a.at, a.status, a.body)
		}
		if !slices.Contains(handsOut, s.pattern) && s.pattern != "POST /ui/admin/users/{user}/clear-guesses" && maps.Equal(before, e.kept()) {
			t.Errorf("%s does nothing: it proves nothing", s.pattern)
		}
		a.guarded()
	}
}

// again gives alice another of everything.
func (e *estate) again() map[string]string {
	e.t.Helper()
	ctx := e.t.Context()
	const password = "alice thought of another one"
	e.secret.texts = append(e.secret.texts, password)
	who := e.identify("alice", password)
	_, session, err := e.auth.Sessions.SignIn(ctx, auth.Peer{Door: "http"}, "alice", auth.NewSecret(password), false)
	tok, err2 := e.auth.Tokens.Create(ctx, who, auth.NewToken{})
	key, err3 := e.auth.SSHKeys.Create(ctx, who, auth.NewSSHKey{Line: newSSHLine(e.t)})
	_, err4 := e.auth.Upstreams.Set(ctx, who, "alice", "registry", "alice-there", auth.NewSecret(upstreamSecret))
	for _, err := range []error{err, err2, err3, err4} {
		if err != nil {
			e.t.Fatal(err)
		}
	}
	return map[string]string{"tokens": tok.ID, "sshkeys": key.ID, "ssh": key.ID, "sessions": session.ID, "upstreams": "registry", "accounts": e.link("alice", password)}
}

// TestAdministrationByOddPaths: no spelling of a path of the administration
// leads anybody else there.
func TestAdministrationByOddPaths(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	eve := e.unlocked("eve", evePassword)
	before := e.kept()
	for _, path := range []string{
		"/ui//admin/users", "/ui/./admin/users", "/ui/profile/../admin/users", "/ui/profile/%2e%2e/admin/users", "/ui/%61dmin/users", "/ui/admin%2fusers",
		"/ui/admin/users/", "/ui/admin;x=1/users", "/UI/admin/users", "/ui/Admin/users", "/ui/admin/users/%61lice", "/ui/admin/users/ALICE", "/ui/admin/users/alice%2fdisable",
		"/ui/admin/users/alice/", "/ui/admin/..;/admin/users", "/ui\\admin/users", "/ui/admin/users/alice/tokens/" + e.of["alice"]["tokens"] + "/end", "/ui/admin/users/..%2f..%2fadmin/users", "/ui/admin",
	} {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			a := e.do(method, path, nil, navigate, eve, header("Content-Type", form))
			if a.status < 400 || a.status >= 500 || strings.Contains(a.body, "example.com") {
				t.Errorf("%s %s: %d %s", method, path, a.status, a.header.Get("Location"))
			}
		}
	}
	e.unchanged("an odd path", before)
}

// TestOthersThings: what belongs to somebody else is not there on a person's
// own pages, not for an administrator either, and nothing tells it from what
// does not exist.
func TestOthersThings(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	for name, in := range map[string]with{"eve": e.unlocked("eve", evePassword), "admin": e.unlocked("admin", e.adminPassword)} {
		before := e.kept()
		for _, kind := range []struct{ path, id, none string }{
			{"/ui/profile/tokens/%s/revoke", e.of["alice"]["tokens"], "nosuchtoken"},
			{"/ui/profile/tokens/%s/rotate", e.of["alice"]["tokens"], "nosuchtoken"},
			{"/ui/profile/ssh/%s/delete", e.of["alice"]["sshkeys"], "nosuchkey"},
			{"/ui/profile/accounts/%s/unlink", e.of["alice"]["accounts"], "nosuchaccount"},
		} {
			for _, method := range []string{"GET", "POST"} {
				send := func(id string) answer {
					fields := url.Values{}
					if strings.HasSuffix(kind.path, "rotate") {
						fields = url.Values{"form": {rand.Text()}, "overlap": {"0"}}
					}
					if method == "POST" {
						return e.submit(fmt.Sprintf(kind.path, id), fields, in)
					}
					return e.do("GET", fmt.Sprintf(kind.path, id), nil, navigate, in)
				}
				theirs, none := send(kind.id), send(kind.none)
				if theirs.status != none.status || theirs.body != none.body || theirs.header.Get("Location") != none.header.Get("Location") {
					t.Errorf("%s as %s: %d %v, of none %d %v", theirs.at, name, theirs.status, theirs.header, none.status, none.header)
				}
			}
		}
		e.unchanged("somebody else", before)
	}
	eve := e.unlocked("eve", evePassword)
	theirs := e.submit("/ui/profile/sessions/end", url.Values{"session": {e.of["alice"]["sessions"]}}, eve)
	none := e.submit("/ui/profile/sessions/end", url.Values{"session": {"nosuchsession"}}, eve)
	if theirs.status != none.status || theirs.header.Get("Location") != none.header.Get("Location") {
		t.Errorf("%d %v, %d %v", theirs.status, theirs.header, none.status, none.header)
	}
}
