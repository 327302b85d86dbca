package main

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each way in which a server can be wrong, and what JFrog's client was seen to
// make of it. That the client of these tests makes the same of it is what its
// other tests are worth.

func TestJFMakesOfSSHAnswersWhatWasSeen(t *testing.T) {
	t.Parallel()
	good := handover("Bearer " + tokenFor(3600))
	for name, c := range map[string]struct {
		reply   string
		exit    int
		loginOK bool
		callOK  bool
	}{
		"as it should be":       {good, 0, true, true},
		"newline at the end":    {good + "\n", 0, true, true},
		"other case":            {strings.NewReplacer("href", "Href", "headers", "HEADERS").Replace(good), 0, true, true},
		"more keys":             {`{"expires_in":3600,"x":{"y":[1]},` + good[1:], 0, true, true},
		"more headers":          {strings.Replace(good, `"headers":{`, `"headers":{"X-More":"1",`, 1), 0, true, true},
		"slash at the end":      {strings.Replace(good, "HREF", "HREF/", 1), 0, true, true},
		"exit 1":                {good, 1, false, false},
		"no exit status":        {good, noExit, false, false},
		"text before":           {"Welcome\n" + good, 0, false, false},
		"number as value":       {`{"href":"HREF","headers":{"Authorization":"Bearer x","X-N":1}}`, 0, false, false},
		"nothing":               {"", 0, false, false},
		"header for headers":    {strings.Replace(good, "headers", "header", 1), 0, true, false},
		"lower-case header":     {strings.Replace(good, "Authorization", "authorization", 1), 0, true, false},
		"another header":        {strings.Replace(good, "Authorization", "X-JFrog-Art-Api", 1), 0, true, false},
		"opaque token":          {handover("Bearer cmVmdGtuOjAxOjE3"), 0, true, false},
		"Basic":                 {handover("Basic YWxpY2U6eA=="), 0, true, false},
		"end as 1.9e9":          {handover("Bearer " + tokenOf(`{"sub":"al","exp":1.9e9}`)), 0, true, false},
		"end with a fraction":   {handover("Bearer " + tokenOf(`{"sub":"al","exp":1900000000.5}`)), 0, true, false},
		"payload with - or _":   {handover("Bearer " + tokenOf(`{"a":"~~~","exp":1900000000}`)), 0, true, false},
		"payload with + and /":  {handover("Bearer " + strings.NewReplacer("-", "+", "_", "/").Replace(tokenOf(`{"a":"~~~","exp":1900000000}`))), 0, true, true},
		"audience in a list":    {handover("Bearer " + tokenOf(`{"aud":["*@*"],"exp":1900000000}`)), 0, true, true},
		"audience as it may be": {handover("Bearer " + tokenOf(`{"aud":"*@*","exp":1900000000}`)), 0, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t)
			l.reply, l.exit = c.reply, c.exit
			m, err := l.client().manager()
			if (err == nil) != c.loginOK {
				t.Fatalf("login: %v", err)
			}
			seen, _ := l.heard()
			if want := []string{"user admin version SSH-2.0-Go", "exec jfrog-authenticate"}; !slices.Equal(seen, want) {
				t.Errorf("the server saw %q", seen)
			}
			if err != nil {
				return
			}
			_, err = m.version()
			if _, got := l.heard(); (err == nil) != c.callOK || c.callOK != (len(got) == 1) {
				t.Errorf("request: %v; the server got %q", err, got)
			}
		})
	}
}

func TestJFRenewsSSHTokensWhenLittleIsLeft(t *testing.T) {
	t.Parallel()
	// A second may pass between making and reading, so 660 is 662 and 659 is
	// counted from the minute above.
	for name, c := range map[string]struct {
		life        []int64
		logins      int64
		naps        int
		description string
	}{
		"an hour":          {[]int64{3600}, 1, 0, "kept"},
		"eleven minutes":   {[]int64{662}, 1, 0, "kept"},
		"659 seconds":      {[]int64{659}, 3, 2, "renewed on each request, after a nap"},
		"ten minutes":      {[]int64{600}, 3, 2, "renewed on each request, after a nap"},
		"ends now":         {[]int64{0}, 3, 0, "renewed on each request"},
		"ended":            {[]int64{-5}, 3, 0, "renewed on each request"},
		"without any end":  {nil, 3, 0, "renewed on each request"},
		"seconds from now": {[]int64{59}, 3, 0, "no minute is left"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t)
			l.reply = handover("Bearer " + tokenFor(c.life...))
			j := l.client()
			m, err := j.manager()
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := m.version(); err != nil {
					t.Fatal(err)
				}
			}
			if j.logins.Load() != c.logins || j.naps != c.naps {
				t.Errorf("%d logins and %d naps, want %d and %d: %s", j.logins.Load(), j.naps, c.logins, c.naps, c.description)
			}
		})
	}
}

func TestJFSSHAddresses(t *testing.T) {
	t.Parallel()
	l := newLiar(t)
	l.reply = handover("Bearer " + tokenFor(3600))
	addr := l.ssh.Addr().String()
	host, _, _ := net.SplitHostPort(addr)
	for url, ok := range map[string]bool{
		"ssh://" + addr: true, "ssh://" + addr + "/": true,
		"ssh://" + addr + "/artifactory/": false, "ssh://user@" + addr + "/": false,
		"ssh://" + host + ":7/": false, "https://" + addr + "/": false,
	} {
		j := l.client()
		j.sshURL = url
		if _, err := j.manager(); (err == nil) != ok {
			t.Errorf("%s: %v", url, err)
		}
	}
	// Without a port it is neither 22 nor the server's.
	if parts := jfSSHURL.FindStringSubmatch("ssh://" + host + "/"); parts == nil || parts[2] != "" {
		t.Errorf("without a port: %q", parts)
	}
}

func TestJFUserNames(t *testing.T) {
	for subject, want := range map[string]string{
		"jfrt@1/users/al": "al", "jfac@1/users/a/b": "b", "al": "al", "jfrt@1": "", "repo:o/r:ref:refs/heads/main": "repo:o/r:ref:refs/heads/main",
	} {
		if got := jfUserOf(subject); got != want {
			t.Errorf("%s: %q, want %q", subject, got, want)
		}
	}
}

func TestJFThresholdsOfPlatformTokens(t *testing.T) {
	j := &jf{newThreshold: true}
	now := time.Now().Unix()
	for life, want := range map[int64]int64{60: 30, 3600: 30, 5 * 3600: 30, 24 * 3600: 144, 365 * 24 * 3600: 10080, 0: 30} {
		if got := j.platformMinutes(jfClaims{Issued: now, Expires: now + life}); got != want {
			t.Errorf("a life of %d s: %d min, want %d", life, got, want)
		}
	}
	// Without iat the end itself is taken for the life.
	if got := j.platformMinutes(jfClaims{Expires: now + 3600}); got != 10080 {
		t.Errorf("without iat: %d min", got)
	}
	if got := (&jf{}).platformMinutes(jfClaims{Issued: now, Expires: now + 3600}); got != 10080 {
		t.Errorf("older releases: %d min", got)
	}
}

// The alphabets differ in two characters only, which stand for six bits of
// ones but for the last: in ASCII they come from four bytes, at one alignment.
// Beyond ASCII it depends on the bytes, and on those beside them.
func TestJFAlphabetTrap(t *testing.T) {
	undecodable := func(text string) (n int) {
		for pad := range 3 {
			if _, err := readJFClaims(tokenOf(`{"a":"` + strings.Repeat("x", pad) + text + `"}`)); err != nil {
				n++
			}
		}
		return n
	}
	for c := range byte(0x80) {
		want := 0
		if strings.IndexByte("~?>\x7f", c) >= 0 {
			want = 1
		}
		if c < ' ' || c == '"' || c == '\\' { // not as they are in JSON
			continue
		}
		if got := undecodable(string(rune(c))); got != want {
			t.Errorf("%q: undecodable at %d of 3 alignments, want %d", c, got, want)
		}
	}
	for text, want := range map[string]int{"ÿ": 1, "¾": 1, "\U0001F511": 1, "é": 0} {
		if got := undecodable(text); got != want {
			t.Errorf("%s: undecodable at %d of 3 alignments, want %d", text, got, want)
		}
	}
}

func TestJFTriesAgainOnlyWhereItHelps(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int{
		http.StatusUnauthorized: 1, http.StatusForbidden: 1, http.StatusNotFound: 1, http.StatusConflict: 1, http.StatusBadRequest: 1,
		http.StatusTooManyRequests: 4, http.StatusInternalServerError: 4, http.StatusServiceUnavailable: 4,
		http.StatusFound: 1, http.StatusTemporaryRedirect: 1,
	} {
		l := newLiar(t)
		l.status = func(*http.Request, int) int { return status }
		j := &jf{platform: l.http.URL, user: "al", password: "x", basicOnly: true}
		m, err := j.manager()
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.version()
		if _, got := l.heard(); err == nil || len(got) != want {
			t.Errorf("%d: %v after %d requests, want %d", status, err, len(got), want)
		}
	}
	// An answer that comes at the fourth request is an answer.
	l := newLiar(t)
	l.status = func(_ *http.Request, n int) int {
		if n < 4 {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	}
	m := &jfManager{j: &jf{}, root: l.http.URL + "/artifactory/"}
	if _, err := m.version(); err != nil {
		t.Error(err)
	}
}

func TestJFTellsKeysFromTokens(t *testing.T) {
	key := "AKCp8" + strings.Repeat("a", 68)
	for secret, want := range map[string]bool{key: true, key + "b": true, key[:72]: false, "AKCp7" + key[5:]: false, "akcp8" + key[5:]: false} {
		if isJFKey(secret) != want {
			t.Errorf("%s: %v", secret, !want)
		}
	}
	j := &jf{}
	if err := j.addToken("", key); err == nil {
		t.Error("an API key is an access token")
	}
	if err := j.addToken("Alice", key); err != nil || j.user != "alice" || j.password != key || j.access != "" {
		t.Errorf("an API key with a name: %v, %q", err, j.user)
	}
}

func TestJFReadsSearchesAsAStream(t *testing.T) {
	for body, want := range map[string]int{
		`{"results":[{"repo":"a","name":"b"}],"range":{"total":1}}`: 1,
		`{"results":[]}`:   0,
		`{"results":null}`: 0,
	} {
		if got, err := jfResults(body); err != nil || len(got) != want {
			t.Errorf("%s: %v, %v", body, got, err)
		}
	}
}
