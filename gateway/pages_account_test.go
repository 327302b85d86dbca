package gateway_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

const accountURL = "/ui/profile/account"

// letterBox is where letters arrive.
type letterBox struct {
	mu   sync.Mutex
	came chan struct{}
	all  []auth.Letter
}

func (b *letterBox) Send(_ context.Context, l auth.Letter) error {
	b.mu.Lock()
	b.all = append(b.all, l)
	b.mu.Unlock()
	b.came <- struct{}{}
	return nil
}

// takeLetters lets the house send letters, and keeps them.
func (h *house) takeLetters() *letterBox {
	b := &letterBox{came: make(chan struct{}, 100)}
	h.auth.SetMailer(b)
	return b
}

// letter waits for the first letter of a kind and takes it out.
func (b *letterBox) letter(t *testing.T, kind auth.LetterKind) auth.Letter {
	t.Helper()
	timeout := time.After(patience)
	for {
		b.mu.Lock()
		for i, l := range b.all {
			if l.Kind == kind {
				b.all = append(b.all[:i:i], b.all[i+1:]...)
				b.mu.Unlock()
				return l
			}
		}
		b.mu.Unlock()
		select {
		case <-b.came:
		case <-timeout:
			t.Fatalf("no letter of kind %s", kind)
		}
	}
}

func TestAccountPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	if _, err := h.auth.Groups.Create(t.Context(), h.admin, "builders", ""); err != nil {
		t.Fatal(err)
	}
	name, groups := "Alice Liddell", []string{"builders"}
	if _, err := h.auth.Users.Update(t.Context(), h.admin, "alice", auth.UserChange{DisplayName: &name, Groups: &groups}); err != nil {
		t.Fatal(err)
	}
	in := h.browser(h.signIn("alice", alicePassword))
	page := h.do("GET", accountURL, nil, navigate, in).is(http.StatusOK)
	page.holds("alice", "Alice Liddell", "alice@example.com", "builders", "<dd>User</dd>", "in 12 hours", "Locked")
	page.lacks(accountURL+"/name", accountURL+"/email", accountURL+"/password")

	// Without the unlock nothing changes, and what was typed stays.
	a := h.submit(accountURL+"/name", url.Values{"display_name": {"Alicia"}}, in).is(http.StatusForbidden)
	a.holds(`value="Alicia"`, "Your current password", `data-watch="typed"`).lacks(accountURL + "/email")
	h.submit(accountURL+"/name", url.Values{"display_name": {"Alicia"}, "password": {"wrong wrong wrong"}}, in).is(http.StatusBadRequest).holds(`value="Alicia"`, "password is not right")
	h.follows(h.submit(accountURL+"/name", url.Values{"display_name": {"Alicia"}, "password": {alicePassword}}, in), in).holds("Saved.", "<dd>Alicia</dd>", accountURL+"/email", accountURL+"/password")

	h.submit(accountURL+"/name", url.Values{"display_name": {strings.Repeat("é", 129)}}, in).is(http.StatusBadRequest).holds(`id="display_name-problem"`, "at most 128")
	h.submit(accountURL+"/name", url.Values{"display_name": {"x"}, "admin": {"1"}}, in).is(http.StatusBadRequest)
}

func TestPasswordIsChangedOnThePage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	elsewhere := h.browser(h.signIn("alice", alicePassword))
	in := h.unlocked("alice", alicePassword)
	const next = "alice has a newer password"
	h.secret.texts = append(h.secret.texts, next)
	change := func(old, new, again string) answer {
		return h.submit(accountURL+"/password", url.Values{"old": {old}, "new": {new}, "again": {again}}, in)
	}
	h.do("GET", accountURL, nil, navigate, in).is(http.StatusOK).holds(`data-least="15"`, `data-own="6"`, "At least 15 characters", " alice ")
	for problem, a := range map[string]answer{
		`id="again-problem"`:   change(alicePassword, next, next+"!"),
		`id="old-problem"`:     change("wrong wrong wrong", next, next),
		`at least 15 are`:      change(alicePassword, "short", "short"),
		`too easy to guess`:    change(alicePassword, "alicealicealice1", "alicealicealice1"),
		`is the old one`:       change(alicePassword, alicePassword, alicePassword),
		`looks like one of La`: change(alicePassword, "AKCp8"+strings.Repeat("a", 68), "AKCp8"+strings.Repeat("a", 68)),
	} {
		a.is(http.StatusBadRequest).holds(problem).lacks(next)
	}
	h.follows(change(alicePassword, next, next), in).holds("The password is changed.")
	h.do("GET", accountURL, nil, navigate, elsewhere).is(http.StatusSeeOther)
	h.identify("alice", next)
}

// TestPasswordElsewhere offers no form that would be refused.
func TestPasswordElsewhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	in := h.unlocked("alice", alicePassword)
	yes, no := true, false
	set := func(c auth.UserChange) {
		if _, err := h.auth.Users.Update(t.Context(), h.admin, "alice", c); err != nil {
			t.Fatal(err)
		}
	}
	set(auth.UserChange{MayUpdateProfile: &no})
	h.do("GET", accountURL, nil, navigate, in).is(http.StatusOK).holds("kept by the administrators").lacks(accountURL+"/name", accountURL+"/password")
	h.submit(accountURL+"/name", url.Values{"display_name": {"x"}}, in).is(http.StatusForbidden).holds("kept by the administrators")

	set(auth.UserChange{MayUpdateProfile: &yes})
	h.auth.SetPolicy(auth.Policy{KeepPasswords: true})
	h.do("GET", accountURL, nil, navigate, in).is(http.StatusOK).holds("changed by the administrators here", accountURL+"/name").lacks(accountURL + "/password")
	h.auth.SetPolicy(auth.Policy{})

	set(auth.UserChange{InternalPasswordDisabled: &yes}) // ends the session
	h.do("GET", accountURL, nil, navigate, in).is(http.StatusSeeOther)
}

var hiddenEmail = regexp.MustCompile(`name="email" value="([^"]*)"`)

func TestEmailIsChangedOnThePage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	in := h.unlocked("alice", alicePassword)
	h.do("GET", accountURL, nil, navigate, in).is(http.StatusOK).holds("It changes at once.")
	h.submit(accountURL+"/email", url.Values{"email": {"nothing"}}, in).is(http.StatusBadRequest).holds(`id="email-problem"`, `value="nothing"`)
	h.follows(h.submit(accountURL+"/email", url.Values{"email": {"alice@new.example"}}, in), in).holds("Saved.", "<dd>alice@new.example</dd>")

	box := h.takeLetters()
	h.follows(h.submit(accountURL+"/email", url.Values{"email": {"alice@third.example"}}, in), in).
		holds("on its way to the new address", "<dd>alice@new.example</dd>", "<strong>alice@third.example</strong>", "in 1 day")
	if l := box.letter(t, auth.LetterEmailConfirm); l.To != "alice@third.example" {
		t.Errorf("the letter goes to %s", l.To)
	}
	page := h.do("GET", accountURL, nil, navigate, in).is(http.StatusOK)
	kept := hiddenEmail.FindStringSubmatch(page.body)[1]
	h.follows(h.submit(accountURL+"/email", url.Values{"email": {kept}}, in), in).holds("Saved.", "<dd>alice@new.example</dd>").lacks("alice@third.example")
}
