package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// Whatever somebody's words are made of, the tokens they come to stand in are
// readable by the CLI: its decoder knows only the alphabet of ordinary base64.

// jfSample is each character from the blank to ÿ, one and the last of every
// script, and the ends of every plane.
func jfSample() (sample []rune) {
	seen := map[rune]bool{}
	add := func(c rune) {
		if utf8.ValidRune(c) && !seen[c] {
			seen[c] = true
			sample = append(sample, c)
		}
	}
	for c := ' '; c <= 'ÿ'; c++ {
		add(c)
	}
	for _, script := range unicode.Scripts {
		if n := len(script.R16); n > 0 {
			add(rune(script.R16[0].Lo))
			add(rune(script.R16[n-1].Hi))
		}
		if n := len(script.R32); n > 0 {
			add(rune(script.R32[0].Lo))
			add(rune(script.R32[n-1].Hi))
		}
	}
	for _, c := range "ſK–“”…€∞\u2028\u202E語\uFFFD\uFFFF🔑" {
		add(c)
	}
	for plane := range rune(17) {
		add(plane << 16)
		add(plane<<16 | 0xFFFD)
	}
	slices.Sort(sample)
	return sample
}

// aligned has each character at each of the three alignments of its bytes,
// between letters, so that no end of a word is a blank.
func aligned(all []rune) string {
	var b strings.Builder
	b.WriteByte('a')
	for _, c := range all {
		for at := range 3 {
			for b.Len()%3 != at {
				b.WriteByte('a')
			}
			b.WriteRune(c)
		}
	}
	b.WriteByte('a')
	return b.String()
}

// jfWords is a place in a token where somebody's words come to stand: what is
// asked of the daemon for a text, and the claim that holds it, if any does.
type jfWords struct {
	most  int // bytes of a text
	ask   func(text string) map[string]any
	claim string
	must  string // characters that have to be accepted, that nothing be tested in vain
}

func TestJFReadsTokensWithAnyWords(t *testing.T) {
	t.Parallel()
	w := newJFWorld(t, "")
	j := w.admin(t)
	sample := jfSample()
	for name, words := range map[string]jfWords{
		"description": {1024, func(s string) map[string]any { return map[string]any{"description": s} }, "", `~?>é語"\🔑`},
		"audience":    {255, func(s string) map[string]any { return map[string]any{"audience": s} }, "aud", "~?>"},
		"group": {64, func(s string) map[string]any {
			return map[string]any{"scope": `applied-permissions/groups:"` + s + `"`}
		}, "scp", "~?>é語🔑 "},
		"artifact": {400, func(s string) map[string]any { return map[string]any{"scope": "artifact:" + s + "/**:r"} }, "scp", "~>é語🔑"},
	} {
		t.Run(name, func(t *testing.T) {
			accepted := w.tryWords(t, j, words, sample)
			for _, c := range words.must {
				if !slices.Contains(accepted, c) {
					t.Errorf("%q is refused", c)
				}
			}
			t.Logf("%d of %d characters are accepted", len(accepted), len(sample))
		})
	}
}

// tryWords makes tokens with as many of the characters as go into one, and
// with each half of them where the daemon refuses them together.
func (w *jfWorld) tryWords(t *testing.T, j *jf, words jfWords, all []rune) (accepted []rune) {
	t.Helper()
	if len(all) == 0 {
		return nil
	}
	text := aligned(all)
	if len(text) <= words.most {
		ask := words.ask(text)
		p, err := j.createToken(ask)
		if err == nil {
			goodWords(t, p.Access, words.claim, text)
			return slices.Clone(all)
		}
		if status := jfStatus(err); status != http.StatusBadRequest {
			t.Fatalf("%q: %v", text, err)
		}
		if len(all) == 1 {
			return nil
		}
	}
	half := len(all) / 2
	return append(w.tryWords(t, j, words, all[:half]), w.tryWords(t, j, words, all[half:])...)
}

// goodWords reads a token as the CLI does and finds the text in a claim.
func goodWords(t *testing.T, token, claim, text string) {
	t.Helper()
	goodForJF(t, token, "admin")
	if claim == "" {
		return
	}
	payload, err := base64.RawStdEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	if got, _ := claims[claim].(string); !strings.Contains(got, text) {
		t.Fatalf("%s is %q, without %q", claim, got, text)
	}
}

// Names of users hold forty-one characters; all at each alignment, by each way
// in which a token is made for its own user. Nothing else makes a name.
func TestJFReadsTokensOfAnyUser(t *testing.T) {
	t.Parallel()
	w := newJFWorld(t, "")
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789._-@+"
	for some := range slices.Chunk([]rune(letters), 9) {
		name := aligned(some)
		if len(name) > 64 {
			t.Fatalf("%s has %d letters", name, len(name))
		}
		display := "~?> é 語 🔑 " + name
		w.feed(jfPassword+"\n", "user", "create", name, "--email", "x@example.com", "--display-name", display, "--password-stdin")
		key := newSigner(t)
		w.register(t, name, key)
		m := must[*jfManager](t)(w.overSSH(key).manager())
		goodForJF(t, strings.TrimPrefix(m.headers["Authorization"], "Bearer "), name)
		p := must[jfPair](t)(w.basicClient(t, name).createOld(url.Values{"username": {name}, "scope": {"member-of-groups:*"}, "refreshable": {"true"}}))
		goodForJF(t, p.Access, name)
		j := w.client()
		j.access, j.refresh, j.ahead = p.Access, p.Refresh, 2*time.Hour
		if err := j.renewPlatform(); err != nil {
			t.Fatal(err)
		}
		goodForJF(t, j.access, name)
	}
	m := &jfManager{j: w.admin(t), root: "http://" + w.http + "/artifactory/"}
	for _, c := range jfSample() {
		if c != '/' && c != '?' && c != '#' && c != '%' && !strings.ContainsRune(letters, unicode.ToLower(c)) {
			err := m.createUser(jfUser{Name: url.PathEscape("a" + string(c)), Email: "x@example.com", Password: jfPassword})
			if status := jfStatus(err); status != http.StatusBadRequest && status != http.StatusNotFound {
				t.Errorf("a user with %q in the name: %v", c, err)
			}
		}
	}
}

// Random words in all places at once, in both grammars.
func TestJFReadsTokensWithRandomWords(t *testing.T) {
	t.Parallel()
	w := newJFWorld(t, "")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random, sample := rand.New(rand.NewPCG(seed, 0)), jfSample()
	traps := []rune("~>é語🔑")
	word := func(most int) string {
		text := make([]rune, 1+random.IntN(most))
		for i := range text {
			if text[i] = sample[random.IntN(len(sample))]; random.IntN(2) == 0 {
				text[i] = traps[random.IntN(len(traps))]
			}
		}
		return string(text)
	}
	j, made := w.admin(t), 0
	m := &jfManager{j: j, root: j.platform + "/artifactory/"}
	for range 60 {
		scope := fmt.Sprintf(`applied-permissions/groups:"%s" artifact:%s/**:r,w`, word(5), word(8))
		p, err := j.createToken(map[string]any{"scope": scope, "description": word(30), "refreshable": true})
		if err == nil {
			made++
			goodForJF(t, p.Access, "admin")
		} else if jfStatus(err) != http.StatusBadRequest {
			t.Errorf("%q: %v", scope, err)
		}
		old := url.Values{"username": {"admin"}, "scope": {fmt.Sprintf(`member-of-groups:"%s" path:%s:read`, word(5), word(8))}}
		p, err = m.createOld(old)
		if err == nil {
			made++
			goodForJF(t, p.Access, "admin")
		} else if jfStatus(err) != http.StatusBadRequest {
			t.Errorf("%q: %v", old, err)
		}
	}
	if made < 20 {
		t.Errorf("%d tokens were made: the test tests little", made)
	}
}
