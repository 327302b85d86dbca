package gateway_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

const (
	ownTokenFormURL = "/ui/profile/tokens/new"
	ownTokensURL    = "/ui/profile/tokens"
)

var (
	onceField  = regexp.MustCompile(`name="form" value="([^"]+)"`)
	referenced = regexp.MustCompile(`cmVmd[0-9A-Za-z]{59}`)
	asJWT      = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`)
)

// asked is the form of a page with its random id, and more fields.
func (h *house) asked(path string, in with, fields url.Values) url.Values {
	h.t.Helper()
	found := onceField.FindStringSubmatch(h.do("GET", path, nil, navigate, in).is(http.StatusOK).body)
	if found == nil {
		h.t.Fatalf("%s has no form", path)
	}
	out := url.Values{"form": {found[1]}}
	for name, values := range fields {
		out[name] = values
	}
	return out
}

// takes is the token that a page shows, which must be nowhere else.
func (h *house) takes(a answer) string {
	h.t.Helper()
	short := referenced.FindString(a.is(http.StatusOK).body)
	if short == "" {
		h.t.Fatalf("%s shows no token: %s", a.at, a.body)
	}
	h.secret.texts = append(h.secret.texts, short, asJWT.FindString(a.body))
	for _, secret := range []string{short, asJWT.FindString(a.body)} {
		if n := strings.Count(a.body, secret); n != 1 {
			h.t.Errorf("%s has the secret %d times", a.at, n)
		}
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		h.t.Errorf("%s: Cache-Control %q", a.at, got)
	}
	return short
}

// ownTokens are alice's live tokens, the newest first.
func (h *house) ownTokens() []map[string]any {
	h.t.Helper()
	return h.do("GET", v1+"/me/tokens", nil, basic("alice", alicePassword)).is(http.StatusOK).items()
}

// join makes groups, and name a member of them alone.
func (h *house) join(name string, groups ...string) {
	h.t.Helper()
	for _, g := range groups {
		if _, err := h.auth.Groups.Create(h.t.Context(), h.admin, g, ""); err != nil {
			h.t.Fatal(err)
		}
	}
	if _, err := h.auth.Users.Update(h.t.Context(), h.admin, name, auth.UserChange{Groups: &groups}); err != nil {
		h.t.Fatal(err)
	}
}

var wholeYear = url.Values{"description": {"Build server"}, "expires": {"365"}, "may": {"user"}}

// TestTokenPage: a token is made by a form, shown once with what to do with
// it, and then stands in the list without its text.
func TestTokenPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	in := h.browser(h.signIn("alice", alicePassword))
	h.do("GET", "/ui/profile", nil, navigate, in).is(http.StatusOK).holds("You have no tokens.").lacks(ownTokenFormURL)
	h.do("GET", ownTokenFormURL, nil, navigate, in).is(http.StatusOK).holds(">Locked<", `name="next" value="`+ownTokenFormURL+`"`).lacks(`name="description"`)
	h.submit("/ui/profile/unlock", url.Values{"password": {alicePassword}, "next": {ownTokenFormURL}}, in).is(http.StatusSeeOther)
	h.do("GET", "/ui/profile", nil, navigate, in).is(http.StatusOK).holds(`href="` + ownTokenFormURL + `"`)

	form := h.asked(ownTokenFormURL, in, wholeYear)
	made := h.submit(ownTokensURL, form, in)
	token := h.takes(made)
	made.holds("it is shown only now", "Everything you may do", "LATCHKEY_TOKEN", h.origin+"/-/api/v1/whoami")
	for _, client := range []string{"curl", "git", "git-lfs", "docker", "npm", "pip", "mvn", "CI job"} {
		made.holds(`data-tab="` + client + `"`)
	}
	h.do("GET", v1+"/whoami", nil, bearer(token), header("User-Agent", "pip/24.2")).is(http.StatusOK)
	if tok := h.ownTokens()[0]; tok["scope"] != auth.UserScope.String() || tok["made_with"] != nil {
		t.Errorf("%v", tok)
	}

	// Sent again it makes nothing, and shows nothing.
	h.submit(ownTokensURL, form, in).is(http.StatusConflict).holds("sent before").lacks(token)
	if n := len(h.ownTokens()); n != 1 {
		t.Errorf("%d tokens", n)
	}
	if to := h.do("GET", ownTokensURL, nil, navigate, in).is(http.StatusSeeOther).header.Get("Location"); to != "/ui/profile#tokens" {
		t.Errorf("the answer loaded again leads to %q", to)
	}
	h.do("GET", "/ui/profile", nil, navigate, in).is(http.StatusOK).
		holds("Build server", "Everything you may do", "last used", "127.0.0.1", "pip/24.2").lacks(token)

	// Revoking asks, and it stays in sight afterwards.
	id := h.ownTokens()[0]["id"].(string)
	h.do("GET", ownTokensURL+"/"+id+"/revoke", nil, navigate, in).is(http.StatusOK).holds("Revoke “Build server”?", "pip/24.2", "stops working at once")
	h.do("GET", v1+"/whoami", nil, bearer(token)).is(http.StatusOK)
	done := h.follows(h.submit(ownTokensURL+"/"+id+"/revoke", nil, in), in)
	done.holds("The token is revoked.", "Ended in the last 30 days (1)", ", revoked.")
	h.do("GET", v1+"/whoami", nil, bearer(token)).is(http.StatusUnauthorized)
	for _, act := range []string{"revoke", "rotate"} { // another tab
		h.follows(h.do("GET", ownTokensURL+"/"+id+"/"+act, nil, navigate, in), in).holds("had ended already")
	}
	h.follows(h.submit(ownTokensURL+"/"+id+"/revoke", nil, in), in).holds("had ended already")
}

// TestTokenForm: what is chosen is what is made.
func TestTokenForm(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.join("alice", "builders", "release team")
	in := h.unlocked("alice", alicePassword)
	h.do("GET", ownTokenFormURL, nil, navigate, in).is(http.StatusOK).holds(`value="365" selected`, `value="release team"`)
	const day = 24 * time.Hour
	lastDay := time.Now().UTC().Truncate(day).Add(10 * day)
	for _, row := range []struct {
		fields url.Values
		scope  string
		words  string
		ends   time.Time // zero: never
	}{
		{url.Values{"expires": {"7"}, "may": {"groups"}, "groups": {"builders"}}, "applied-permissions/groups:builders", "What the group builders may do", time.Now().Add(7 * day)},
		{url.Values{"expires": {"30"}, "may": {"groups"}, "groups": {"release team", "builders"}}, `applied-permissions/groups:builders,"release team"`, "What the groups builders and release team may do", time.Now().Add(30 * day)},
		{url.Values{"expires": {"90"}, "may": {"repository"}, "repository": {"/team/assets/"}}, "artifact:team/assets:r", "Read the repository team/assets", time.Now().Add(90 * day)},
		{url.Values{"expires": {"never"}, "may": {"repository"}, "repository": {"lfs/team/**"}, "write": {"1"}}, "artifact:lfs/team/**:r,w", "Read and write repositories like lfs/team/**", time.Time{}},
		{url.Values{"expires": {"date"}, "date": {lastDay.Format(time.DateOnly)}, "may": {"scope"}, "scope": {" artifact:a:*  system:metrics:r "}}, "artifact:a:* system:metrics:r", "Read the daemon’s metrics", lastDay.Add(day)},
		// What belongs to a choice that was not made counts for nothing.
		{url.Values{"expires": {"365"}, "date": {"1999-01-01"}, "may": {"user"}, "groups": {"builders"}, "repository": {"//"}, "scope": {"nonsense"}}, "applied-permissions/user", "Everything you may do", time.Now().Add(365 * day)},
	} {
		row.fields.Set("description", "x")
		h.takes(h.submit(ownTokensURL, h.asked(ownTokenFormURL, in, row.fields), in).holds(row.words))
		tok := h.ownTokens()[0]
		if tok["scope"] != row.scope {
			t.Errorf("%v: scope %q", row.fields, tok["scope"])
		}
		ends, _ := tok["expires"].(string)
		at, _ := time.Parse(time.RFC3339, ends)
		if off := at.Sub(row.ends); row.ends.IsZero() != at.IsZero() || off < -time.Minute || off > time.Minute {
			t.Errorf("%v: ends %v, want %v", row.fields, at, row.ends)
		}
	}
}

// TestTokenFormRefused: a mistake stands beside its field, and what was typed
// stays.
func TestTokenFormRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{policy: auth.Policy{TokenMax: 30 * 24 * time.Hour}})
	eve := h.unlocked("eve", evePassword)
	h.submit(ownTokensURL, h.asked(ownTokenFormURL, eve, url.Values{"description": {"x"}, "expires": {"7"}, "may": {"groups"}, "groups": {"builders"}}), eve).
		is(http.StatusBadRequest).holds("You are in no group any more", `id="may-problem"`)
	h.join("alice", "builders")
	in := h.unlocked("alice", alicePassword)
	h.do("GET", ownTokenFormURL, nil, navigate, in).is(http.StatusOK).
		holds("Tokens live at most 30 days here.", `value="30" selected`).lacks(`value="90"`, `value="365"`, `value="never"`)
	const evil = `"><svg onload=alert(1)>`
	for name, row := range map[string]struct {
		change  url.Values
		beside  string // the field
		said    string
		refused int
	}{
		"no description":        {url.Values{"description": {" "}}, "description", "Say what the token is for", http.StatusBadRequest},
		"a description of bits": {url.Values{"description": {"a\x01b"}}, "description", "control characters", http.StatusBadRequest},
		"no end":                {url.Values{"expires": {""}}, "expires", "Choose when the token ends", http.StatusBadRequest},
		"an end not offered":    {url.Values{"expires": {"365"}}, "expires", "Tokens live at most 30 days here.", http.StatusForbidden},
		"never":                 {url.Values{"expires": {"never"}}, "expires", "Tokens live at most 30 days here.", http.StatusForbidden},
		"no day":                {url.Values{"expires": {"date"}}, "date", "Choose the last day", http.StatusBadRequest},
		"no such day":           {url.Values{"expires": {"date"}, "date": {"2031-02-30"}}, "date", "Write the day as", http.StatusBadRequest},
		"a day that is over":    {url.Values{"expires": {"date"}, "date": {"2020-02-02"}}, "date", "That day is over", http.StatusBadRequest},
		"a day too far":         {url.Values{"expires": {"date"}, "date": {time.Now().Add(60 * 24 * time.Hour).Format(time.DateOnly)}}, "date", "at most 30 days here. Choose an earlier day.", http.StatusBadRequest},
		"the last of days":      {url.Values{"expires": {"date"}, "date": {"9999-12-31"}}, "date", "too far away", http.StatusBadRequest},
		"nothing it may":        {url.Values{"may": {"everything"}}, "may", "Choose what the token may do", http.StatusBadRequest},
		"no group":              {url.Values{"may": {"groups"}}, "groups", "Choose at least one group", http.StatusBadRequest},
		"a group of others":     {url.Values{"may": {"groups"}, "groups": {"builders", "admins"}}, "groups", "You are not in the group admins", http.StatusBadRequest},
		"no repository":         {url.Values{"may": {"repository"}, "repository": {" / "}}, "repository", "Name a repository", http.StatusBadRequest},
		"an action in it":       {url.Values{"may": {"repository"}, "repository": {"team/assets:r,w"}}, "repository", "Name a repository", http.StatusBadRequest},
		"dots in it":            {url.Values{"may": {"repository"}, "repository": {"team/../assets"}}, "repository", "the name is not clean", http.StatusBadRequest},
		"no scope":              {url.Values{"may": {"scope"}}, "scope", "Write the scope", http.StatusBadRequest},
		"a scope of markup":     {url.Values{"may": {"scope"}, "scope": {evil}}, "scope", "is not a scope", http.StatusBadRequest},
		"more than one has":     {url.Values{"may": {"scope"}, "scope": {"applied-permissions/admin"}}, "", "for administrators", http.StatusForbidden},
	} {
		fields := url.Values{"description": {evil}, "expires": {"7"}, "may": {"user"}}
		for field, values := range row.change {
			fields[field] = values
		}
		a := h.submit(ownTokensURL, h.asked(ownTokenFormURL, in, fields), in).is(row.refused).holds(row.said).lacks("<svg onload")
		if row.beside != "" {
			a.holds(`id="` + row.beside + `-problem"`)
		}
		if row.change.Get("description") == "" {
			a.holds(`name="description" type="text" value="&#34;&gt;&lt;svg onload=alert(1)&gt;"`)
		}
		if row.change.Get("scope") == evil {
			a.holds(`name="scope" type="text" value="&#34;&gt;&lt;svg`)
		}
		if name == "" || onceField.FindString(a.body) == "" {
			t.Errorf("%s: the form cannot be sent again", name)
		}
	}
	if n := len(h.ownTokens()); n != 0 {
		t.Errorf("%d tokens", n)
	}
	good := h.asked(ownTokenFormURL, in, url.Values{"description": {evil}, "expires": {"7"}, "may": {"user"}})
	for name, bad := range map[string]url.Values{
		"no id": {"form": {""}}, "an id of another kind": {"form": {"short"}}, "a field more": {"owner": {"eve"}},
	} {
		form := url.Values{}
		for field, values := range good {
			form[field] = values
		}
		for field, values := range bad {
			form[field] = values
		}
		if a := h.submit(ownTokensURL, form, in); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	h.takes(h.submit(ownTokensURL, good, in).lacks("<svg onload"))
	h.do("GET", "/ui/profile", nil, navigate, in).is(http.StatusOK).holds("&lt;svg onload").lacks("<svg onload")
}

// TestTokenFormOfALockedProfile is not lost: it asks for the password.
func TestTokenFormOfALockedProfile(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	in := h.unlocked("alice", alicePassword)
	form := h.asked(ownTokenFormURL, in, wholeYear)
	h.submit("/ui/profile/lock", nil, in).is(http.StatusSeeOther)
	again := h.submit(ownTokensURL, form, in).is(http.StatusForbidden).holds("locked itself meanwhile", `name="password"`, `value="Build server"`).lacks(">Locked<")
	form.Set("form", onceField.FindStringSubmatch(again.body)[1])
	form.Set("password", "not the password")
	wrong := h.submit(ownTokensURL, form, in).is(http.StatusBadRequest).holds(`id="password-Generate-token-problem"`, `value="Build server"`).lacks("not the password")
	if len(h.ownTokens()) != 0 {
		t.Error("a locked profile makes tokens")
	}
	form.Set("form", onceField.FindStringSubmatch(wrong.body)[1])
	form.Set("password", alicePassword)
	h.takes(h.submit(ownTokensURL, form, in))

	id := h.ownTokens()[0]["id"].(string)
	rotate := h.asked(ownTokensURL+"/"+id+"/rotate", in, url.Values{"overlap": {"0"}})
	h.submit("/ui/profile/lock", nil, in).is(http.StatusSeeOther)
	h.do("GET", "/ui/profile", nil, navigate, in).is(http.StatusOK).holds("Build server").lacks(ownTokensURL + "/" + id)
	h.do("GET", ownTokensURL+"/"+id+"/rotate", nil, navigate, in).is(http.StatusOK).holds(">Locked<").lacks(`name="overlap"`)
	h.submit(ownTokensURL+"/"+id+"/revoke", nil, in).is(http.StatusForbidden).holds("locked itself meanwhile", `value="`+ownTokensURL+"/"+id+`/revoke"`)
	h.submit(ownTokensURL+"/"+id+"/rotate", rotate, in).is(http.StatusForbidden).holds(`name="password"`, "locked itself meanwhile")
	if len(h.ownTokens()) != 1 {
		t.Error("a locked profile ends tokens")
	}
}

// TestTokenRotatedOnItsPage: both work for as long as was chosen, and the list
// tells who has not changed over.
func TestTokenRotatedOnItsPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	in := h.unlocked("alice", alicePassword)
	old := h.takes(h.submit(ownTokensURL, h.asked(ownTokenFormURL, in, wholeYear), in))
	id := h.ownTokens()[0]["id"].(string)
	at := ownTokensURL + "/" + id + "/rotate"
	h.do("GET", v1+"/whoami", nil, bearer(old), header("User-Agent", "curl/8.5")).is(http.StatusOK)
	h.do("GET", at, nil, navigate, in).is(http.StatusOK).holds("Rotate “Build server”?", "curl/8.5", `value="86400" checked`)
	h.submit(at, h.asked(at, in, url.Values{"overlap": {"17"}}), in).is(http.StatusBadRequest)

	form := h.asked(at, in, url.Values{"overlap": {"604800"}})
	shown := h.submit(at, form, in)
	fresh := h.takes(shown)
	shown.holds("The old one works until it ends in 7 days.")
	for _, secret := range []string{old, fresh} {
		h.do("GET", v1+"/whoami", nil, bearer(secret), header("User-Agent", "nightly/1")).is(http.StatusOK)
	}
	h.submit(at, form, in).is(http.StatusConflict).holds("sent before").lacks(fresh)
	h.do("GET", at, nil, navigate, in).is(http.StatusOK).holds("has been rotated", "nightly/1").lacks(`name="overlap"`)
	h.do("GET", "/ui/profile", nil, navigate, in).is(http.StatusOK).
		holds("old one, still used by ", "Takes over from the older one, which ends in 7 days.", "nightly/1").
		lacks(`href="` + at + `"`)

	// At once: the old one is dead before the new one is seen.
	id = h.ownTokens()[0]["id"].(string)
	at = ownTokensURL + "/" + id + "/rotate"
	form = h.asked(at, in, url.Values{"overlap": {"0"}})
	last := h.submit(at, form, in)
	newest := h.takes(last)
	last.holds("The old one has stopped working.")
	h.do("GET", v1+"/whoami", nil, bearer(fresh)).is(http.StatusUnauthorized)
	h.do("GET", v1+"/whoami", nil, bearer(newest)).is(http.StatusOK)
	h.submit(at, form, in).is(http.StatusConflict).holds("sent before")
	h.do("GET", "/ui/profile", nil, navigate, in).is(http.StatusOK).holds("Ended in the last 30 days (1)", ", replaced.")
}

// TestTokenPagesAreTheOwners: what is somebody else's is not there, for
// administrators neither.
func TestTokenPagesAreTheOwners(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	in := h.unlocked("alice", alicePassword)
	h.takes(h.submit(ownTokensURL, h.asked(ownTokenFormURL, in, wholeYear), in))
	at := ownTokensURL + "/" + h.ownTokens()[0]["id"].(string)
	for name, password := range map[string]string{"eve": evePassword, "admin": h.adminPassword} {
		in := h.unlocked(name, password)
		for _, act := range []string{"/rotate", "/revoke"} {
			h.follows(h.do("GET", at+act, nil, navigate, in), in).lacks("Build server")
		}
		h.submit(at+"/revoke", nil, in).is(http.StatusSeeOther)
		h.submit(at+"/rotate", url.Values{"overlap": {"0"}, "form": {strings.Repeat("a", 26)}}, in).is(http.StatusSeeOther)
	}
	if len(h.ownTokens()) != 1 {
		t.Error("alice's token is gone")
	}
	h.do("POST", ownTokensURL, "description=x", in, header("Content-Type", form), header("Origin", "https://evil.example"), header("Sec-Fetch-Site", "cross-site")).is(http.StatusForbidden)
	h.do("GET", ownTokenFormURL, nil, basic("alice", alicePassword)).is(http.StatusForbidden)
}

// TestTokenRowsTellAStory: who is about to end, and who is not used.
func TestTokenRowsTellAStory(t *testing.T) {
	t.Parallel()
	clock := new(aheadClock)
	h := newHouse(t, houseConfig{now: clock.now})
	const day = 24 * 3600
	for description, seconds := range map[string]int{"ending soon": 95 * day, "endless": 0, "over": 80 * day} {
		h.do("POST", v1+"/me/tokens", map[string]any{"description": description, "expires_in": seconds}, basic("alice", alicePassword)).is(http.StatusCreated)
	}
	in := h.browser(h.signIn("alice", alicePassword))
	h.do("GET", "/ui/profile", nil, navigate, in).is(http.StatusOK).holds("Ends with the password it was made with.").lacks("unused for", "expires in")
	clock.forward(90 * day * time.Second)
	in = h.browser(h.signIn("alice", alicePassword))
	page := h.do("GET", "/ui/profile", nil, navigate, in).is(http.StatusOK)
	page.holds("expires in 5 days", "Does not end by itself.", ", expired.", "Ended in the last 30 days (1)")
	if n := strings.Count(page.body, "unused for 90 days"); n != 2 {
		t.Errorf("%d tokens are unused", n)
	}
}

func TestManyTokensArePaged(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice := h.identify("alice", alicePassword)
	for i := range 53 {
		if _, err := h.auth.Tokens.Create(t.Context(), alice, auth.NewToken{Description: fmt.Sprintf("number %02d.", i)}); err != nil {
			t.Fatal(err)
		}
	}
	in := h.browser(h.signIn("alice", alicePassword))
	h.do("GET", "/ui/profile", nil, navigate, in).is(http.StatusOK).holds("number 52.", "number 03.", "Page 1 of 2", `href="/ui/profile?page=2#tokens"`).lacks("number 02.")
	for _, page := range []string{"2", "77"} {
		h.do("GET", "/ui/profile?page="+page, nil, navigate, in).is(http.StatusOK).holds("number 02.", "number 00.", "Page 2 of 2", `href="/ui/profile#tokens"`).lacks("number 03.")
	}
	h.do("GET", "/ui/profile?page=-1", nil, navigate, in).is(http.StatusOK).holds("Page 1 of 2")
}
