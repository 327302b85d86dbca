package auth_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

func (w *world) events(q auth.EventQuery) []auth.Event {
	w.t.Helper()
	var out []auth.Event
	must(w.t, w.Trail.Search(w.t.Context(), w.admin, strings.NewReader(w.trail.String()), q, func(e auth.Event) error {
		out = append(out, e)
		return nil
	}))
	return out
}

func TestEveryActLeavesALine(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.group("crew")
	w.user("alice", withPassword)
	w.user("eve")
	alice := w.who(password("alice"))
	key := w.apiKey(alice, "alice")
	must(t, errOf(w.Keys.Show(ctx, alice, "alice")))
	tok := w.token(alice, auth.NewToken{})
	sshKey, info := w.sshKey(alice, "alice", time.Time{})
	session, _ := w.session("alice", true)
	must(t, errOf(w.Passwords.Encrypted(ctx, alice)))
	rotated, err := w.Tokens.Rotate(ctx, alice, tok.ID)
	must(t, err)
	must(t, w.Tokens.Revoke(ctx, alice, rotated.ID))
	must(t, w.SSHKeys.Delete(ctx, alice, info.ID))
	must(t, w.Sessions.End(ctx, w.who(session)))
	wantCode(t, "eve", w.Keys.Revoke(ctx, w.who(w.apiKey(w.admin, "eve")), "alice"), auth.Forbidden)
	must(t, w.Keys.Revoke(ctx, alice, "alice"))
	must(t, w.Users.Disable(ctx, w.admin, "alice"))
	for _, p := range []auth.Proof{key, sshKey, session, bearer(tok.JWT)} {
		if w.holds(p) {
			t.Errorf("%T works", p)
		}
	}
	var got []string
	for _, e := range w.events(auth.EventQuery{}) {
		got = append(got, e.User+" "+e.Action+" "+e.Result)
		if e.Time.IsZero() || e.Chain == "" || e.Addr != "192.0.2.7" || e.Door != "http" || e.Request != "r1" || e.Client != "test/1.0" {
			t.Errorf("%+v", e)
		}
	}
	want := []string{
		"local:0 group.change ok", "local:0 user.create ok", "local:0 user.create ok",
		"alice api_key.create ok", "alice api_key.show ok", "alice token.create ok", "alice ssh_key.create ok",
		"alice session.sign_in ok", "alice session.unlock ok", "alice password.encrypt ok",
		"alice token.rotate ok", "alice token.revoke ok", "alice ssh_key.delete ok", "alice session.sign_out ok",
		"local:0 api_key.create ok", "eve api_key.revoke refused", "alice api_key.revoke ok", "local:0 user.disable ok",
		" identify refused", " identify refused", " identify refused", " identify refused",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	refused := w.events(auth.EventQuery{User: "eve", Action: "api_key."})
	if len(refused) != 2 || refused[1].Cause == "" || refused[1].Target != "alice" {
		t.Errorf("%+v", refused)
	}
	// What was done to somebody is found under their name as well.
	w.token(w.admin, auth.NewToken{Owner: "eve"})
	if found := w.events(auth.EventQuery{User: "eve", Action: "token.create"}); len(found) != 1 {
		t.Errorf("what was done to eve: %+v", found)
	}
	if found := w.events(auth.EventQuery{Since: w.clock.Now().Add(time.Second)}); len(found) > 0 {
		t.Errorf("from the future: %+v", found)
	}
	wantCode(t, "search by a user", w.Trail.Search(ctx, alice, strings.NewReader(""), auth.EventQuery{}, nil), auth.Forbidden)
	wantCode(t, "verify by a user", errOf(w.Trail.Verify(ctx, alice, strings.NewReader(""))), auth.Forbidden)
}

func TestTheChainTellsWhatWasDoneToTheTrail(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		w.user(name)
	}
	lines := strings.SplitAfter(w.trail.String(), "\n")
	lines = lines[:len(lines)-1]
	verify := func(lines []string) (int, error) {
		return w.Trail.Verify(ctx, w.admin, strings.NewReader(strings.Join(lines, "")))
	}
	if n, err := verify(lines); n != 6 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	for i := range lines {
		altered := slices.Clone(lines)
		altered[i] = strings.Replace(lines[i], `"target":"`, `"target":"x`, 1)
		removed := slices.Delete(slices.Clone(lines), i, i+1)
		twice := slices.Insert(slices.Clone(lines), i, lines[i])
		spaced := slices.Clone(lines)
		spaced[i] = strings.Replace(lines[i], `,"action"`, `, "action"`, 1)
		added := slices.Clone(lines)
		added[i] = strings.Replace(lines[i], `{"time"`, `{"note":"x","time"`, 1)
		for what, bad := range map[string][]string{"altered": altered, "removed": removed, "twice": twice, "spaced": spaced, "added to": added} {
			n, err := verify(bad)
			if last := i == len(lines)-1; what == "removed" && last {
				continue // an end that was cut off cannot be told from an earlier day
			}
			if err == nil || n > i+1 {
				t.Errorf("line %d was %s: %d lines hold, %v", i+1, what, n, err)
			}
		}
		if i > 0 {
			swapped := slices.Clone(lines)
			swapped[i], swapped[i-1] = lines[i-1], lines[i]
			if n, err := verify(swapped); err == nil || n > i {
				t.Errorf("lines %d and %d were swapped: %d lines hold, %v", i, i+1, n, err)
			}
		}
	}

	// A later run goes on where this one stopped.
	next := w.again()
	must(t, next.Trail.Continue(strings.NewReader(w.trail.String())))
	next.user("g")
	if n, err := verify(append(slices.Clone(lines), next.trail.String())); n != 7 || err != nil {
		t.Errorf("continued: %d, %v", n, err)
	}
}
