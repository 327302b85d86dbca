package auth_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// activity is all of it, as who sees it.
func (w *world) activity(who auth.Identity, owner string) (all []auth.Event) {
	w.t.Helper()
	return w.activityIn(w.written(), who, owner)
}

func (w *world) activityIn(f auth.Written, who auth.Identity, owner string) (all []auth.Event) {
	w.t.Helper()
	for before := int64(0); ; {
		p, err := w.Trail.Activity(w.t.Context(), who, owner, f, before, 3)
		must(w.t, err)
		all = append(all, p.Events...)
		if before = p.Older; before == 0 {
			return all
		}
	}
}

func TestActivityIsWhatOneDidAndWhatWasDoneToOne(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.group("alice") // a group of that name is none of hers
	w.user("alice", withPassword)
	w.user("alice2", withPassword)
	w.user("boss", withPassword, asAdmin)
	alice, boss := w.who(password("alice")), w.who(password("boss"))
	w.apiKey(alice, "alice")
	w.token(alice, auth.NewToken{})
	w.apiKey(w.who(password("alice2")), "alice2")
	wantCode(t, "a rival", w.Keys.Revoke(ctx, w.who(password("alice2")), "alice"), auth.Forbidden)
	_, keyInfo := w.sshKey(boss, "alice", time.Time{})
	must(t, w.Keys.Revoke(ctx, boss, "alice"))
	must(t, w.SSHKeys.Delete(ctx, boss, keyInfo.ID))
	must(t, w.Passwords.Expire(ctx, w.admin, "alice2", "alice"))
	must(t, w.Passwords.Unexpire(ctx, w.admin))
	must(t, w.Keys.RevokeAll(ctx, boss))
	stranger := home
	stranger.Addr, stranger.Client = netip.MustParseAddr("203.0.113.9"), "stranger/1"
	_, err := w.Identify(ctx, stranger, auth.Password{User: "alice", Secret: auth.NewSecret("not the right one")})
	wantCode(t, "a wrong password", err, auth.Unauthenticated)

	var got []string
	for _, e := range w.activity(alice, "alice") {
		by := e.User
		if by == "alice" {
			by = "(own)"
		}
		got = append(got, by+" "+e.Addr+": "+e.Sentence())
		if e.Chain != "" || e.User != "alice" && (e.Client != "" || e.Credential != "" || e.Request != "" || e.Door != "") || strings.Contains(e.Target, "alice2") {
			t.Errorf("too much is shown: %+v", e)
		}
	}
	want := []string{
		"(own) 203.0.113.9: A wrong password was tried",
		"boss : Revoked everybody's API keys",
		"local:0 : Took back the expiry of the password of alice",
		"local:0 : Let the password expire of alice",
		"boss : Deleted an SSH key of alice",
		"boss : Revoked the API key of alice",
		"boss : Added an SSH key for alice",
		"(own) 192.0.2.7: Generated an identity token",
		"(own) 192.0.2.7: Generated an API key",
		"local:0 : Made the account alice",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if seen := w.activity(boss, "alice"); len(seen) != len(want) {
		t.Errorf("an administrator sees %d events, want %d", len(seen), len(want))
	}
	ask := func(who auth.Identity, owner string) error {
		return errOf(w.Trail.Activity(ctx, who, owner, w.written(), 0, 10))
	}
	wantCode(t, "of somebody else", ask(alice, "boss"), auth.Forbidden)
	wantCode(t, "by nobody", ask(auth.Identity{}, "alice"), auth.Unauthenticated)
	wantCode(t, "of nobody", ask(boss, "nobody"), auth.NotFound)
	wantCode(t, "of the socket's administrator", ask(w.admin, w.admin.User), auth.Invalid)
	narrow := w.token(alice, auth.NewToken{Scope: "artifact:lfs/team:r"})
	wantCode(t, "by a narrow token", ask(w.who(bearer(narrow.JWT)), "alice"), auth.Forbidden)
}

// Whatever stands in the trail, an owner sees of others only what was done to
// the own account, and never where from.
func TestEventsOfOthersAreNeverShown(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	var text strings.Builder
	n := 0
	actions := append(actNames(t), "identify", "unknown.act", "")
	users := []string{"", "alice", "bob", "al", "local:0"}
	targets := []string{
		"", "alice", "bob", "al", "alice2", "bob id1", "alice id1", "id1", "id1 alice", "al ice", "xalice id", "alice/repo",
		"everybody", "bob carol", "POST /-/api/v1/users/alice", "bob alice", "alice bob",
	}
	type key struct{ action, user, target, result string }
	for _, action := range actions {
		for _, user := range users {
			for _, target := range targets {
				for _, result := range []string{"ok", "refused", "failed"} {
					if action == "user.delete" && target == "alice" {
						continue // what is before it is a namesake's
					}
					n++
					text.WriteString(lineOf(auth.Event{
						Time: w.clock.Now().Add(time.Second), Action: action, Result: result, User: user, Target: target,
						Addr: "203.0.113.1", Client: "c", Door: "http", Credential: "token:1", Cause: "why", Chain: "h", Request: fmt.Sprint(n),
					}))
				}
			}
		}
	}
	seen := map[key]int{}
	for _, e := range w.activityIn(fileOf(text.String()), alice, "alice") {
		seen[key{e.Action, e.User, e.Target, e.Result}]++
		words := strings.Fields(e.Target)
		switch {
		case e.Chain != "":
			t.Errorf("with its chain: %+v", e)
		case e.User == "alice":
			continue
		case e.Result == "refused":
			t.Errorf("what was refused to others: %+v", e)
		case !slices.Contains(words, "alice"):
			t.Errorf("none of alice's: %+v", e)
		case words[0] != "alice" || strings.HasPrefix(e.Action, "group.") || strings.HasPrefix(e.Action, "audit."):
			t.Errorf("somebody else's: %+v", e)
		case e.User != "" && e.Addr+e.Client+e.Door+e.Credential+e.Request != "":
			t.Errorf("with where from: %+v", e)
		}
	}
	own := 0
	for k, times := range seen {
		if k.user == "alice" {
			own += times
		}
	}
	if want := len(actions)*len(targets)*3 - 3; own != want {
		t.Errorf("%d of %d own events are shown", own, want)
	}
	for _, k := range []key{
		{"api_key.revoke", "bob", "alice", "ok"}, {"token.revoke", "bob", "alice id1", "ok"}, {"user.disable", "local:0", "alice", "failed"},
		{"password.forgot", "", "alice", "ok"}, {"token.exchange", "", "alice id1", "ok"}, {"api_key.revoke_all", "bob", "alice", "ok"},
		{"password.expire", "bob", "alice", "ok"},
	} {
		if seen[k] == 0 {
			t.Errorf("not shown: %+v", k)
		}
	}
}

// An account made under the name of one that was deleted sees nothing of it.
func TestANamesakeSeesNothingOfTheEarlierAccount(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	old := w.who(password("alice"))
	w.apiKey(old, "alice")
	w.clock.Advance(time.Hour)
	must(t, w.Users.Delete(ctx, w.admin, "alice"))
	w.clock.Advance(time.Millisecond)
	w.user("alice", withPassword)
	wantCode(t, "the earlier account", errOf(w.Trail.Activity(ctx, old, "alice", w.written(), 0, 10)), auth.Unauthenticated)
	if got := w.activity(w.who(password("alice")), "alice"); len(got) != 1 || got[0].Action != "user.create" {
		t.Errorf("%+v", got)
	}
	if got := w.activity(w.admin, "alice"); len(got) != 1 {
		t.Errorf("an administrator is shown %+v", got)
	}

	// Also where another daemon's clock runs behind, and the earlier one's
	// events seem to be newer than the account.
	ahead := w.clock.Now().Add(time.Minute)
	text := lineOf(auth.Event{Time: ahead, Action: "session.sign_in", Result: "ok", User: "alice"}) +
		lineOf(auth.Event{Time: ahead, Action: "user.delete", Result: "ok", User: "local:0", Target: "alice"}) +
		lineOf(auth.Event{Time: ahead, Action: "user.create", Result: "ok", User: "local:0", Target: "alice"})
	if got := w.activityIn(fileOf(text), w.admin, "alice"); len(got) != 1 || got[0].Action != "user.create" {
		t.Errorf("%+v", got)
	}
}

func TestActivityIsOfTheLast90Days(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	w.apiKey(w.admin, "alice")
	w.clock.Advance(60 * 24 * time.Hour)
	must(t, w.Keys.Revoke(t.Context(), w.admin, "alice"))
	w.clock.Advance(31 * 24 * time.Hour)
	if got := w.activity(w.who(password("alice")), "alice"); len(got) != 1 || got[0].Action != "api_key.revoke" {
		t.Errorf("%+v", got)
	}
}
