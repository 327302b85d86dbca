package gateway_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway/jfrog"
)

const (
	loginRequestURL = "/access/api/v2/authentication/jfrog_client_login/request"
	loginTokenURL   = "/access/api/v2/authentication/jfrog_client_login/token/"
	loginAnswerURL  = "/ui/login/client"

	program = "7b0f6c3e-52a1-4d6f-9e1b-0a1b2c3d4ef9"
	agent   = "jfrog-cli-go/2.112.0"
)

// programPage is the page that a program sends its person to.
func programPage(id string) string {
	return "/ui/login?jfClientSession=" + id + "&jfClientName=JFrog-CLI&jfClientCode=1"
}

func (h *house) requestLogin(id string, shown ...with) answer {
	h.t.Helper()
	return h.do("POST", loginRequestURL, map[string]string{"session": id}, append([]with{header("User-Agent", agent)}, shown...)...)
}

func (h *house) pollLogin(id string) answer {
	h.t.Helper()
	return h.do("GET", loginTokenURL+id, nil, header("User-Agent", agent))
}

// answerProgram sends the page's form; password "" is for an unlocked session.
func (h *house) answerProgram(id, code, password string, shown ...with) answer {
	h.t.Helper()
	fields := url.Values{"program": {id}, "answer": {"yes"}, "code": {code}}
	if password != "" {
		fields.Set("password", password)
	}
	return h.submit(loginAnswerURL, fields, shown...)
}

// codeOf is what the program shows.
func codeOf(id string) string { return id[len(id)-4:] }

// hides fails where an id of a web login is seen in the log or the trail.
func (h *house) hides(ids ...string) {
	h.t.Cleanup(func() {
		for where, text := range map[string][]byte{"log": h.log.all(), "trail": h.trail.all()} {
			for _, id := range ids {
				if strings.Contains(strings.ToLower(string(text)), strings.ToLower(id)) {
					h.t.Errorf("the %s shows %s", where, id)
				}
			}
		}
	})
}

// aheadClock is a clock that a test sets forward.
type aheadClock struct{ ahead atomic.Int64 }

func (c *aheadClock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *aheadClock) forward(d time.Duration) { c.ahead.Add(int64(d)) }

// TestWebLogin is the whole way of a program and its person: signing in on the
// way, the password again because the session begins locked, one delivery.
func TestWebLogin(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.hides(program)
	h.do("GET", "/artifactory/api/system/ping", nil).is(http.StatusOK)
	if a := h.requestLogin(program).is(http.StatusOK); a.body != "{}" {
		t.Errorf("%q", a.body)
	}
	h.pollLogin(program).is(http.StatusBadRequest)

	page := h.do("GET", programPage(program), nil, navigate).is(http.StatusOK)
	next := "/ui/login?jfClientSession=" + program
	if !strings.Contains(page.body, `name="next" value="`+next+`"`) || !strings.Contains(page.body, `name="password"`) {
		t.Fatal(page.body)
	}
	in := h.submit("/ui/login", url.Values{"username": {"alice"}, "password": {alicePassword}, "next": {next}}).is(http.StatusSeeOther)
	if to := in.header.Get("Location"); to != next {
		t.Fatalf("after signing in: %q", to)
	}
	session := h.browser(in.cookie())
	page = h.do("GET", next, nil, navigate, session).is(http.StatusOK)
	for _, want := range []string{"<strong>alice</strong>", agent, "127.0.0.1", "just now", `name="password"`, "only if you started", "a moment ago", `autocomplete="off"`, `value="yes"`, `value="no"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	head, _, _ := strings.Cut(page.body, "</head>")
	if strings.Contains(head, codeOf(program)) || strings.Contains(page.body, "JFrog-CLI") || strings.Contains(page.body, "<script>") ||
		strings.Contains(page.body, `value="`+codeOf(program)+`"`) || page.header.Get("Referrer-Policy") != "no-referrer" || page.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v\n%s", page.header, page.body)
	}
	h.pollLogin(program).is(http.StatusBadRequest) // looking approves nothing

	if a := h.answerProgram(program, " "+strings.ToUpper(codeOf(program)), alicePassword, session).is(http.StatusOK); !strings.Contains(a.body, "go back to the program") || strings.Contains(a.body, program) {
		t.Error(a.body)
	}
	got := h.pollLogin(program).is(http.StatusOK)
	token := got.field("access_token")
	if got.field("token_type") != "Bearer" || got.field("refresh_token") == "" || got.field("token_id") == "" || got.field("scope") != "applied-permissions/user" || got.header.Get("Cache-Control") != "no-store" {
		t.Error(got.body)
	}
	if who := h.do("GET", v1+"/whoami", nil, bearer(token)).is(http.StatusOK); who.field("user") != "alice" {
		t.Error(who.body)
	}
	h.pollLogin(program).is(http.StatusNotFound)
	h.answerProgram(program, codeOf(program), "", session).is(http.StatusNotFound)
	h.do("GET", next, nil, navigate, session).is(http.StatusNotFound)
	if trail := string(h.trail.all()); !strings.Contains(trail, "web_login.approve") || !strings.Contains(trail, "web_login.take") {
		t.Error("the trail does not tell who let it in")
	}
}

func TestWebLoginIDs(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	for _, id := range []string{
		"", "x", program[:35], program + "0", strings.Replace(program, "4d6f", "1d6f", 1), strings.Replace(program, "9e1b", "ce1b", 1),
		strings.ReplaceAll(program, "-", ""), "{" + program[1:35] + "}", strings.Replace(program, "7b", "7g", 1), strings.Replace(program, "-", "_", 1), "ſ" + program[2:],
	} {
		h.requestLogin(id).is(http.StatusBadRequest)
		if id != "" {
			h.pollLogin(url.PathEscape(id)).is(http.StatusNotFound) // 400 would be: go on asking
			h.do("GET", programPage(url.QueryEscape(id)), nil, navigate).is(http.StatusBadRequest)
		}
	}
	for name, body := range map[string]any{
		"none": nil, "no object": `"` + program + `"`, "twice": `{"session":"` + program + `","session":"` + program + `"}`, "other letters": `{"Session":"` + program + `"}`, "null": `{"session":null}`, "number": `{"session":4}`,
	} {
		if a := h.do("POST", loginRequestURL, body); a.status != http.StatusBadRequest && a.status != http.StatusUnsupportedMediaType {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	// Upper and lower case are one id, which nobody takes over.
	h.requestLogin(strings.ToUpper(program)).is(http.StatusOK)
	h.requestLogin(program).is(http.StatusConflict)
	session := h.browser(h.signIn("alice", alicePassword))
	h.answerProgram(program, codeOf(program), alicePassword, session).is(http.StatusOK)
	h.pollLogin(strings.ToUpper(program)).is(http.StatusOK)
	h.pollLogin(program).is(http.StatusNotFound)
}

// TestWebLoginIsDeliveredOnce: of many who ask at once exactly one gets it.
func TestWebLoginIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.requestLogin(program).is(http.StatusOK)
	h.answerProgram(program, codeOf(program), alicePassword, h.browser(h.signIn("alice", alicePassword))).is(http.StatusOK)
	h.do("HEAD", loginTokenURL+program, nil).is(http.StatusBadRequest)
	h.do("HEAD", npmURL+"/-/v1/done/"+program, nil).is(http.StatusBadRequest)
	const polls = 50
	got := make(chan int, polls)
	var all sync.WaitGroup
	for range polls {
		all.Go(func() {
			resp, err := http.Get(h.url + loginTokenURL + program)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			got <- resp.StatusCode
		})
	}
	all.Wait()
	close(got)
	count := map[int]int{}
	for status := range got {
		count[status]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusNotFound] != polls-1 {
		t.Errorf("answers by status: %v", count)
	}
}

// TestWebLoginIsOnePersons: who lets it in first is whose it is.
func TestWebLoginIsOnePersons(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice, eve := h.browser(h.signIn("alice", alicePassword)), h.browser(h.signIn("eve", evePassword))
	h.requestLogin(program).is(http.StatusOK)
	h.answerProgram(program, codeOf(program), alicePassword, alice).is(http.StatusOK)
	h.answerProgram(program, codeOf(program), evePassword, eve).is(http.StatusNotFound)
	h.submit(loginAnswerURL, url.Values{"program": {program}, "answer": {"no"}}, eve).is(http.StatusOK)
	token := h.pollLogin(program).is(http.StatusOK).field("access_token")
	if who := h.do("GET", v1+"/whoami", nil, bearer(token)).is(http.StatusOK); who.field("user") != "alice" {
		t.Error(who.body)
	}
}

// TestWebLoginAsksForThePassword while the session is locked, and says which of
// the two was wrong.
func TestWebLoginAsksForThePassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.hides(program)
	session := h.browser(h.signIn("alice", alicePassword))
	h.requestLogin(program).is(http.StatusOK)
	for _, password := range []string{"", "wrong wrong wrong", evePassword} {
		a := h.answerProgram(program, codeOf(program), password, session).is(http.StatusForbidden)
		if !strings.Contains(a.body, `id="password-problem"`) || strings.Contains(a.body, `id="code-problem"`) || strings.Contains(a.body, `value="`+codeOf(program)) {
			t.Error(a.body)
		}
	}
	h.pollLogin(program).is(http.StatusBadRequest)
	a := h.answerProgram(program, "0000", alicePassword, session).is(http.StatusForbidden)
	if !strings.Contains(a.body, `id="code-problem"`) || strings.Contains(a.body, `name="password"`) {
		t.Error("the page asks for the password that it has just been told:", a.body)
	}
	h.answerProgram(program, codeOf(program), "", session).is(http.StatusOK)
	h.pollLogin(program).is(http.StatusOK)

	// A session that was unlocked before is not asked.
	h.requestLogin(program).is(http.StatusOK)
	if page := h.do("GET", programPage(program), nil, navigate, session).is(http.StatusOK); strings.Contains(page.body, `name="password"`) {
		t.Error(page.body)
	}
}

// TestWebLoginPasswordCannotBeGuessed on this page more than elsewhere, and one
// that has expired unlocks nothing.
func TestWebLoginPasswordCannotBeGuessed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice, eve := h.browser(h.signIn("alice", alicePassword)), h.browser(h.signIn("eve", evePassword))
	h.requestLogin(program).is(http.StatusOK)
	if err := h.auth.Passwords.Expire(t.Context(), h.admin, "alice"); err != nil {
		t.Fatal(err)
	}
	if a := h.answerProgram(program, codeOf(program), alicePassword, alice); a.status == http.StatusOK {
		t.Error(a.body)
	}
	for i := range 200 {
		a := h.answerProgram(program, codeOf(program), "guess number "+strings.Repeat("x", i), eve)
		if a.status == http.StatusForbidden {
			continue
		}
		a.is(http.StatusTooManyRequests)
		if a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "too many attempts") || !strings.Contains(a.body, `name="password"`) {
			t.Errorf("%v %s", a.header, a.body)
		}
		h.pollLogin(program).is(http.StatusBadRequest)
		return
	}
	t.Error("200 guesses and no end")
}

func TestWebLoginWrongCodes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	session := h.browser(h.signIn("alice", alicePassword))
	h.requestLogin(program).is(http.StatusOK)
	for _, slip := range []string{"", "ef9", "4ef9x", "  ", program} {
		if a := h.answerProgram(program, slip, alicePassword, session).is(http.StatusForbidden); !strings.Contains(a.body, "exactly four") {
			t.Error(a.body)
		}
	}
	for i := range 4 {
		a := h.answerProgram(program, fmt.Sprintf("000%d", i), alicePassword, session).is(http.StatusForbidden)
		if !strings.Contains(a.body, "not the characters") {
			t.Error(a.body)
		}
		h.pollLogin(program).is(http.StatusBadRequest)
	}
	if a := h.answerProgram(program, "0004", "", session).is(http.StatusNotFound); !strings.Contains(a.body, "wrong too often") {
		t.Error(a.body)
	}
	h.pollLogin(program).is(http.StatusNotFound)
	h.answerProgram(program, codeOf(program), "", session).is(http.StatusNotFound)
	h.pollLogin(program).is(http.StatusNotFound)
}

func TestWebLoginIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	session := h.browser(h.signIn("alice", alicePassword)) // locked: enough to say no
	h.requestLogin(program).is(http.StatusOK)
	if a := h.submit(loginAnswerURL, url.Values{"program": {program}, "answer": {"no"}}, session).is(http.StatusOK); !strings.Contains(a.body, "was not let in") {
		t.Error(a.body)
	}
	h.pollLogin(program).is(http.StatusNotFound)
	h.answerProgram(program, codeOf(program), alicePassword, session).is(http.StatusNotFound)
	if !strings.Contains(string(h.trail.all()), "web_login.refuse") {
		t.Error("the trail does not tell that it was refused")
	}
}

func TestWebLoginEnds(t *testing.T) {
	t.Parallel()
	clock := new(aheadClock)
	h := newHouse(t, houseConfig{now: clock.now})
	session := h.browser(h.signIn("alice", alicePassword))
	h.requestLogin(program).is(http.StatusOK)
	clock.forward(3 * time.Minute)
	if page := h.do("GET", programPage(program), nil, navigate, session).is(http.StatusOK); !strings.Contains(page.body, "3 minutes ago") {
		t.Error(page.body)
	}
	clock.forward(2 * time.Minute)
	h.pollLogin(program).is(http.StatusNotFound)
	h.do("GET", programPage(program), nil, navigate, session).is(http.StatusNotFound)
	h.answerProgram(program, codeOf(program), alicePassword, session).is(http.StatusNotFound)

	// Let in and not fetched in time: nothing is left to be fetched.
	h.requestLogin(program).is(http.StatusOK)
	h.answerProgram(program, codeOf(program), alicePassword, session).is(http.StatusOK)
	clock.forward(5 * time.Minute)
	h.pollLogin(program).is(http.StatusNotFound)
}

// TestWebLoginRefreshToken: only a token that lives long comes with one.
func TestWebLoginRefreshToken(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for policy, refreshable := range map[auth.Policy]bool{
		{}: true, {TokenDefault: 9 * day}: true, {TokenDefault: 8 * day}: false, {TokenDefault: time.Hour}: false, {TokenMax: 7 * day}: false,
	} {
		h := newHouse(t, houseConfig{policy: policy})
		h.requestLogin(program).is(http.StatusOK)
		h.answerProgram(program, codeOf(program), alicePassword, h.browser(h.signIn("alice", alicePassword))).is(http.StatusOK)
		if a := h.pollLogin(program).is(http.StatusOK); (a.field("refresh_token") != "") != refreshable {
			t.Errorf("%+v: %s", policy, a.body)
		}
	}
}

// TestWebLoginOfSomebodyDisabled between letting it in and fetching gives
// nothing that works.
func TestWebLoginOfSomebodyDisabled(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.requestLogin(program).is(http.StatusOK)
	h.answerProgram(program, codeOf(program), alicePassword, h.browser(h.signIn("alice", alicePassword))).is(http.StatusOK)
	for _, change := range []func() error{
		func() error { return h.auth.Users.Disable(t.Context(), h.admin, "alice") },
		func() error { return h.auth.Users.Enable(t.Context(), h.admin, "alice") },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
	}
	a := h.pollLogin(program)
	if a.status == http.StatusOK {
		h.do("GET", v1+"/whoami", nil, bearer(a.field("access_token"))).is(http.StatusUnauthorized)
		h.do("POST", "/access/api/v1/tokens", map[string]any{"grant_type": "refresh_token", "refresh_token": a.field("refresh_token")}).is(http.StatusNotFound)
	}
	h.pollLogin(program).is(http.StatusNotFound)
}

// TestWebLoginNeedsThePage: what another site sends, what is sent without the
// browser's session, and what is only looked at lets nothing in.
func TestWebLoginNeedsThePage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	cookie := h.signIn("alice", alicePassword)
	session := h.browser(cookie)
	h.do("POST", v1+"/session/unlock", map[string]any{"password": alicePassword}, session).is(http.StatusOK)
	h.requestLogin(program).is(http.StatusOK)
	key := h.do("POST", keyURL, nil, basic("alice", alicePassword)).is(http.StatusCreated).field("apiKey")

	yes := url.Values{"program": {program}, "answer": {"yes"}, "code": {codeOf(program)}}
	bare := func(r *http.Request) {
		r.Header.Set("Content-Type", form)
		r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	}
	for name, a := range map[string]answer{
		"another site":          h.do("POST", loginAnswerURL, yes.Encode(), bare, header("Origin", "https://evil.example"), header("Sec-Fetch-Site", "cross-site")),
		"another site's Origin": h.do("POST", loginAnswerURL, yes.Encode(), bare, header("Origin", "https://evil.example")),
		"another port":          h.do("POST", loginAnswerURL, yes.Encode(), bare, header("Sec-Fetch-Site", "same-site")),
		"no origin":             h.do("POST", loginAnswerURL, yes.Encode(), bare),
		"Basic":                 h.submit(loginAnswerURL, yes, basic("alice", alicePassword)),
		"API key":               h.submit(loginAnswerURL, yes, apiKey(key)),
		"Basic, saying no":      h.submit(loginAnswerURL, url.Values{"program": {program}, "answer": {"no"}}, basic("alice", alicePassword)),
		"Basic and session":     h.submit(loginAnswerURL, yes, session, basic("alice", alicePassword)),
		"wrong key and session": h.submit(loginAnswerURL, yes, session, apiKey("AKCp8"+strings.Repeat("x", 68))),
	} {
		if a.status != http.StatusForbidden {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	for _, path := range []string{
		loginAnswerURL + "?" + yes.Encode(),
		programPage(program) + "&answer=yes&code=" + codeOf(program),
		"/ui/login?" + url.Values{"jfClientSession": {program}, "answer": {"yes"}, "code": {codeOf(program)}}.Encode(),
	} {
		h.do("GET", path, nil, navigate, session)
		h.do("HEAD", path, nil, navigate, session)
	}
	h.submit(loginAnswerURL+"?"+yes.Encode(), url.Values{"program": {program}, "code": {codeOf(program)}}, session).is(http.StatusBadRequest)
	h.submit(loginAnswerURL, url.Values{"program": {program}, "answer": {"maybe"}}, session).is(http.StatusBadRequest)
	h.submit(loginAnswerURL, url.Values{"program": {"x"}, "answer": {"yes"}}, session).is(http.StatusBadRequest)
	if to := h.submit(loginAnswerURL, yes).is(http.StatusSeeOther).header.Get("Location"); !strings.HasPrefix(to, "/ui/login?next=%2Fui%2Flogin%3FjfClientSession") {
		t.Errorf("nobody signed in is led to %q", to)
	}
	h.pollLogin(program).is(http.StatusBadRequest)

	// A program is not begun by a page of another site either.
	h.requestLogin(strings.Replace(program, "7b", "7c", 1), header("Origin", "https://evil.example")).is(http.StatusForbidden)
}

// TestWebLoginShowsTextAsText: what the program calls itself, and what its link
// says, is never markup; the link's words are not shown at all.
func TestWebLoginShowsTextAsText(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	const evil = `"><svg onload=alert(1)>`
	session := h.browser(h.signIn("alice", alicePassword))
	h.requestLogin(program, header("User-Agent", evil)).is(http.StatusOK)
	page := "/ui/login?" + url.Values{"jfClientSession": {program}, "jfClientName": {evil + "Trusty"}, "jfClientCode": {evil}}.Encode()
	for _, shown := range [][]with{{navigate}, {navigate, session}} {
		a := h.do("GET", page, nil, shown...).is(http.StatusOK)
		if strings.Contains(a.body, "<svg onload") || strings.Contains(a.body, "Trusty") {
			t.Error(a.body)
		}
	}
	if a := h.do("GET", page, nil, navigate, session); !strings.Contains(a.body, "&lt;svg onload=alert(1)&gt;") {
		t.Error("the page does not show what the program calls itself")
	}
	for _, id := range []string{evil, program + evil} {
		if a := h.do("GET", "/ui/login?jfClientSession="+url.QueryEscape(id), nil, navigate, session).is(http.StatusBadRequest); strings.Contains(a.body, "onload") {
			t.Error(a.body)
		}
	}
}

// TestWebLoginFlood: of one source twenty wait, and room that is given back can
// be used again.
func TestWebLoginFlood(t *testing.T) {
	t.Parallel()
	clock := new(aheadClock)
	h := newHouse(t, houseConfig{now: clock.now})
	id := func(i int) string { return fmt.Sprintf("%08x%s", i, program[8:]) }
	for i := range 20 {
		h.requestLogin(id(i)).is(http.StatusOK)
	}
	for _, a := range []answer{
		h.requestLogin(id(20)).is(http.StatusTooManyRequests),
		h.do("POST", "/artifactory/api/npm/npm/-/v1/login", "{}").is(http.StatusTooManyRequests),
	} {
		if a.header.Get("Retry-After") == "" {
			t.Errorf("%s: %v", a.at, a.header)
		}
	}
	h.pollLogin(id(20)).is(http.StatusNotFound)
	session := h.browser(h.signIn("alice", alicePassword))
	h.answerProgram(id(3), codeOf(program), alicePassword, session).is(http.StatusOK)
	h.pollLogin(id(3)).is(http.StatusOK)
	h.requestLogin(id(20)).is(http.StatusOK)
	h.requestLogin(id(21)).is(http.StatusTooManyRequests)
	clock.forward(5*time.Minute + time.Second)
	h.requestLogin(id(21)).is(http.StatusOK)
}

// TestWebLoginIDsAreMasked wherever a path is logged.
func TestWebLoginIDsAreMasked(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.hides(program)
	session := h.browser(h.signIn("alice", alicePassword))
	upper := strings.ToUpper(program)
	for _, path := range []string{
		loginTokenURL + program, loginTokenURL + upper, loginTokenURL + program + "/", loginTokenURL + program + "/more", loginTokenURL + "/" + program,
		strings.TrimSuffix(loginTokenURL, "token/") + program, strings.ToUpper(loginTokenURL) + program, loginTokenURL + "x" + program + "x",
		"/artifactory/api/npm/npm/-/v1/done/" + program, "/artifactory/api/npm/npm/-/v1//done/" + upper, "/artifactory/api/npm/npm/-/v1/" + program,
		"/elsewhere/-/v1/done/" + program, programPage(program), "/ui/login?" + program, "/ui/login?next=" + url.QueryEscape(programPage(program)),
		"/ui/login?jfClientSession=" + upper + "&jfClientSession=" + program,
	} {
		h.do("GET", path, nil, navigate)
		h.do("GET", path, nil, navigate, session)
	}
	h.submit(loginAnswerURL, url.Values{"program": {program}, "answer": {"yes"}, "code": {"0000"}}, session)
}

func TestWebLoginSwitchedOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{noJFrog: true})
	h.requestLogin(program).is(http.StatusNotFound)
	h.pollLogin(program).is(http.StatusNotFound)
	h.do("POST", "/artifactory/api/npm/npm/-/v1/login", "{}").is(http.StatusNotFound)
}

// FuzzWebLoginID: what is taken for an id is one UUID of version 4, in one
// spelling.
func FuzzWebLoginID(f *testing.F) {
	for _, seed := range []string{program, strings.ToUpper(program), "", program[:35], strings.Repeat("-", 36), "00000000-0000-4000-8000-00000000000K"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, ok := jfrog.WebLoginID(text)
		if !ok {
			if id != "" {
				t.Fatalf("%q is refused and read as %q", text, id)
			}
			return
		}
		again, ok := jfrog.WebLoginID(id)
		if !ok || again != id || len(id) != 36 || !strings.EqualFold(id, text) || strings.Trim(id, "0123456789abcdef-") != "" || id[14] != '4' {
			t.Fatalf("%q is read as %q", text, id)
		}
	})
}
