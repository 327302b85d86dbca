package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// fastHash counts the hashes of w and makes them cost nothing: rightPassword
// is right wherever an account has a password.
func fastHash(w *world) *atomic.Int64 {
	n := new(atomic.Int64)
	w.SetMatches(func(phc, password string) bool {
		n.Add(1)
		return phc != auth.NobodysHash && password == rightPassword
	})
	return n
}

func from(n int) auth.Peer {
	return auth.Peer{Addr: netip.AddrFrom4([4]byte{198, 51, byte(n >> 8), byte(n)}), Door: "http"}
}

func guess(user string, n int) auth.Password {
	return auth.Password{User: user, Secret: auth.NewSecret(fmt.Sprintf("wrong guess number %d", n))}
}

// spend uses the strangers' budget of user up, from many sources.
func spend(t *testing.T, w *world, user string) {
	t.Helper()
	for i := range 2 * auth.StrangerGuesses {
		_, err := w.Identify(t.Context(), from(1000+i), guess(user, i))
		if auth.CodeOf(err) == auth.Throttled {
			return
		}
	}
	t.Fatalf("the budget of %s has no end", user)
}

func TestGuessesOfAnAccountAreBoundedInAllWaysTogether(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			store, c, more := b.open(t)
			w := worldOver(t, store, c)
			hashes := fastHash(w)
			w.user("alice", withPassword)
			other := w // a second replica where the store can be shared, else a second daemon's worth of caches
			if more != nil {
				other = worldOver(t, more(), c, func(conf *auth.Config) { conf.Ring = w.ring })
			} else {
				other = w.again()
			}
			other.SetMatches(func(phc, password string) bool {
				hashes.Add(1)
				return phc != auth.NobodysHash && password == rightPassword
			})
			proof, _ := w.session("alice", false) // from home, a known place
			who := w.who(proof)
			before := hashes.Load()

			var wrong atomic.Int64
			count := func(err error) {
				switch code := auth.CodeOf(err); code {
				case auth.Unauthenticated, auth.Repeated, auth.Invalid:
					wrong.Add(1)
				case auth.Throttled:
					e, _ := errors.AsType[*auth.Error](err)
					if e.RetryAfter < time.Second || e.RetryAfter > 300*time.Second {
						t.Errorf("Retry-After %v", e.RetryAfter)
					}
				case auth.Unavailable: // swaps lost to the crowd for too long
				default:
					t.Errorf("a wrong guess is answered %v", err)
				}
			}
			var all sync.WaitGroup
			for i := range 200 {
				all.Go(func() {
					at := w
					if i%2 == 1 {
						at = other
					}
					peer, secret := from(i), auth.NewSecret(fmt.Sprintf("guess %d", i))
					switch i % 4 {
					case 0:
						_, err := at.Identify(context.Background(), peer, auth.Password{User: "alice", Secret: secret})
						count(err)
					case 1:
						_, _, err := at.Sessions.SignIn(context.Background(), peer, "ALICE", secret, true)
						count(err)
					case 2:
						_, err := at.Sessions.Unlock(context.Background(), who, secret) // who came from home
						count(err)
					default:
						thief := who
						thief.Peer = peer
						_, err := at.Sessions.Unlock(context.Background(), thief, secret)
						count(err)
					}
				})
			}
			all.Wait()
			if n := hashes.Load() - before; n > 100 {
				t.Errorf("%d guesses at one account were tried, at most 100", n)
			} else if n < 20 {
				t.Errorf("only %d guesses were tried: the test shows nothing", n)
			}
			if wrong.Load() > 100 {
				t.Errorf("%d guesses at one account were answered", wrong.Load())
			}
			// Nor does the window give any more, on either.
			for i := range 20 {
				for _, at := range []*world{w, other} {
					if _, err := at.Identify(t.Context(), from(500+i), guess("alice", 1000+i)); auth.CodeOf(err) == auth.Unauthenticated {
						wrong.Add(1)
					}
				}
			}
			if n := hashes.Load() - before; n > 100 {
				t.Errorf("%d guesses in one window", n)
			}
			c.Advance(11 * time.Minute)
			if _, err := w.Identify(t.Context(), from(1), guess("alice", 5000)); auth.CodeOf(err) != auth.Unauthenticated {
				t.Errorf("in the next window: %v", err)
			}
		})
	}
}

func TestAStrangersGuessingStopsNothingOfTheOwner(t *testing.T) {
	w := newWorld(t)
	fastHash(w)
	w.user("alice", withPassword)
	session, _ := w.session("alice", true)
	key := w.apiKey(w.who(session), "alice")
	token := w.token(w.who(session), auth.NewToken{Reference: true})
	sshKey, _ := w.sshKey(w.who(session), "alice", time.Time{})
	encrypted, err := w.Passwords.Encrypted(t.Context(), w.who(session))
	must(t, err)
	w.clock.Advance(29 * 24 * time.Hour) // home was 29 days ago; the session has ended by itself
	for _, moment := range []string{"cold", "warm"} {
		spend(t, w, "alice")
		for what, p := range map[string]auth.Proof{
			"API key": key, "JWT": bearer(token.JWT), "reference": bearer(token.Reference), "SSH key": sshKey,
			"password from home": password("alice"), "encrypted password": auth.EncryptedPassword{User: "alice", Secret: encrypted},
		} {
			if _, err := w.Identify(t.Context(), home, p); err != nil {
				t.Errorf("%s, %s: %v", moment, what, err)
			}
		}
		again, _ := w.session("alice", true)
		if !w.holds(again) {
			t.Errorf("%s: no session from home", moment)
		}
		if _, err := w.Identify(t.Context(), from(9), password("alice")); auth.CodeOf(err) != auth.Throttled {
			t.Errorf("%s: the password from elsewhere: %v, want it throttled", moment, err)
		}
	}
	w.clock.Advance(31 * 24 * time.Hour)
	spend(t, w, "alice")
	_, err = w.Identify(t.Context(), home, password("alice"))
	wantCode(t, "after 31 days home is a place as any other", err, auth.Throttled)
}

// What is kept for the owner, in either cache, must not answer a guesser
// whose budget is spent: that were a free and unbounded oracle.
func TestTheCachesAreNoOracleForGuesses(t *testing.T) {
	w := newWorld(t)
	hashes := fastHash(w)
	w.user("alice", withPassword)
	w.who(password("alice")) // from home: both caches are warm
	w.who(password("alice"))
	spend(t, w, "alice")
	for i := range 3 {
		n := hashes.Load()
		_, err := w.Identify(t.Context(), from(77), password("alice"))
		wantCode(t, "the right guess of a stranger whose budget is spent", err, auth.Throttled)
		_, _, err = w.Sessions.SignIn(t.Context(), from(78), "alice", auth.NewSecret(rightPassword), false)
		wantCode(t, "the same by sign-in", err, auth.Throttled)
		if hashes.Load() != n {
			t.Error("it was hashed")
		}
		w.who(password("alice"))
		w.clock.Advance(time.Duration(i) * time.Second)
	}
	// A guesser who sits where the owner does has that place's budget only.
	for i := range 3 * auth.PlaceGuesses {
		_, err := w.Identify(t.Context(), home, guess("alice", 9000+i))
		if auth.CodeOf(err) == auth.Throttled {
			if i < auth.PlaceGuesses {
				t.Errorf("throttled after %d", i)
			}
			break
		}
	}
	_, err := w.Identify(t.Context(), home, password("alice"))
	wantCode(t, "the right guess there after so many wrong ones", err, auth.Throttled)
	must(t, w.Users.ClearGuesses(t.Context(), w.admin, "alice"))
	if _, err := w.Identify(t.Context(), home, password("alice")); err != nil {
		t.Errorf("after the guesses were cleared: %v", err)
	}
}

func TestOnlyDistinctWrongSecretsArePaidFor(t *testing.T) {
	w := newWorld(t)
	hashes := fastHash(w)
	w.user("alice", withPassword)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() { w.Identify(context.Background(), home, guess("alice", 1)) })
	}
	all.Wait()
	if n := hashes.Load(); n != 1 {
		t.Errorf("one wrong secret, a hundred times at once, was hashed %d times", n)
	}
	for i := range 5 { // and costs nothing on
		w.Identify(t.Context(), from(i), guess("alice", 1))
	}
	if n := hashes.Load(); n != 1 {
		t.Errorf("hashed %d times", n)
	}
	if _, err := w.Identify(t.Context(), from(8), password("alice")); err != nil {
		t.Errorf("the right password after it: %v", err)
	}
}

func TestManyRightPasswordsAtOnceAreAllRight(t *testing.T) {
	w := newWorld(t)
	hashes := fastHash(w)
	w.user("alice", withPassword)
	for range 3 { // unknown place, known place cold, warm
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				if _, err := w.Identify(context.Background(), home, password("alice")); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		w.clock.Advance(10 * time.Minute)
	}
	if n := hashes.Load(); n != 3 {
		t.Errorf("%d hashes, want 3", n)
	}
}

func TestTheTenthRepetitionIsAPlainNo(t *testing.T) {
	w := newWorld(t)
	hashes := fastHash(w)
	w.user("alice", withPassword)
	key := w.apiKey(w.admin, "alice")
	must(t, w.Keys.Revoke(t.Context(), w.admin, "alice"))
	for name, p := range map[string]auth.Proof{"password": guess("alice", 1), "nobody": guess("nobody", 1), "revoked key": key} {
		for i := 1; i <= 12; i++ {
			_, err := w.Identify(t.Context(), home, p)
			want := auth.Unauthenticated
			if i >= 10 {
				want = auth.Repeated
			}
			wantCode(t, fmt.Sprintf("%s, time %d", name, i), err, want)
		}
	}
	if n := hashes.Load(); n != 2 {
		t.Errorf("%d hashes of two wrong passwords", n)
	}
	if _, err := w.Identify(t.Context(), home, password("alice")); err != nil {
		t.Errorf("the right one after it: %v", err)
	}
	w.clock.Advance(11 * time.Minute)
	_, err := w.Identify(t.Context(), home, guess("alice", 1))
	wantCode(t, "in the next window", err, auth.Unauthenticated)
}

// names of every sort, of which only one has the password tried.
func allSorts(t *testing.T, w *world) []string {
	t.Helper()
	w.user("known", withPassword)
	w.user("disabled", withPassword)
	must(t, w.Users.Disable(t.Context(), w.admin, "disabled"))
	w.user("robot", asService)
	w.user("elsewhere", withPassword, func(n *auth.NewUser) { n.InternalPasswordDisabled = true })
	w.user("none")
	return []string{"known", "disabled", "robot", "elsewhere", "none", "nobody", "KNOWN", "not a name", strings.Repeat("x", 300), "kno\u212an"}
}

func TestNamesOfAllSortsAnswerAlike(t *testing.T) {
	w := newWorld(t)
	hashes := fastHash(w)
	type answer struct {
		code   auth.Code
		reason string
		wait   bool
		hashes int64
	}
	names := allSorts(t, w)
	ask := func(name string, n int, encrypted bool) answer {
		before := hashes.Load()
		var p auth.Proof = guess(name, n)
		if encrypted {
			p = auth.EncryptedPassword{User: name, Secret: forgedEncrypted(n)}
		}
		_, err := w.Identify(t.Context(), from(n), p)
		e, ok := errors.AsType[*auth.Error](err)
		if !ok {
			t.Fatalf("%q: %v", name, err)
		}
		return answer{e.Code, e.Reason, e.RetryAfter > 0, hashes.Load() - before}
	}
	for i := range auth.StrangerGuesses + 5 {
		want := ask(names[0], i, false)
		if i < auth.StrangerGuesses != (want.code == auth.Unauthenticated && want.hashes == 1) {
			t.Fatalf("guess %d at a user: %+v", i, want)
		}
		for _, name := range names[1:6] {
			if got := ask(name, i, false); got != want {
				t.Fatalf("guess %d at %q: %+v, at a known user %+v", i, name, got, want)
			}
		}
	}
	for i, name := range names[7:] {
		if got := ask(name, 800+i, false); got.code != auth.Unauthenticated || got.hashes != 1 {
			t.Errorf("%q: %+v", name, got)
		}
	}
	want := ask(names[0], 900, true)
	for _, name := range names {
		if got := ask(name, 901, true); got != want {
			t.Errorf("an encrypted password of %q: %+v, want %+v", name, got, want)
		}
	}
}

// forgedEncrypted has the form of an encrypted password, checksum and all.
func forgedEncrypted(n int) auth.Secret {
	return auth.NewSecret(auth.WithChecksum("AP" + strings.Repeat("Zz9", 20) + fmt.Sprint(n)))
}

// The questions asked of the store must not tell a name that is somebody's
// from one that is nobody's either.
func TestNamesOfAllSortsAskTheStoreTheSame(t *testing.T) {
	c := storetest.NewClock()
	f := storetest.NewFaulty(storetest.NewMemory(c.Now))
	w := worldOver(t, f, c)
	fastHash(w)
	names := allSorts(t, w)
	shape := func(name string, n int) string {
		before := len(f.Calls())
		w.Identify(t.Context(), from(n), guess(name, n))
		var out []string
		for _, call := range f.Calls()[before:] {
			table, _, _ := strings.Cut(call.Key, "/")
			out = append(out, string(call.Op)+" "+table)
		}
		return strings.Join(out, ", ")
	}
	for _, spent := range []bool{false, true} {
		if spent {
			for _, name := range names[:6] {
				spend(t, w, name)
			}
		}
		want := shape("known", 1)
		for i, name := range names[1:6] {
			n := 1
			if !spent {
				n = 10 + i // sources of their own, each first seen
			}
			if got := shape(name, n); got != want {
				t.Errorf("spent %v: %s asks %s; known asks %s", spent, name, got, want)
			}
		}
	}
}

func TestAMillionNamesFillNothing(t *testing.T) {
	w := newWorld(t)
	fastHash(w)
	const names = 20_000 // more than there are shared budgets
	count := func() (n int) {
		for _, err := range w.store.List(t.Context(), "") {
			must(t, err)
			n++
		}
		return n
	}
	before := count()
	for i := range names {
		w.Identify(t.Context(), from(i%90), guess(fmt.Sprintf("nobody-%d", i), i))
		if i%900 == 0 {
			w.clock.Advance(11 * time.Minute) // the sources' budgets anew
		}
	}
	// Memory never sweeps: what is there now is what was ever written.
	if n := count() - before; n > auth.UnknownNames+90 {
		t.Errorf("%d records of %d random names", n, names)
	}
	if n := w.RecordsOf(t.Context(), "guess/"); n > auth.UnknownNames+90 {
		t.Errorf("%d budgets", n)
	}
}

func TestNoBudgetNoAnswer(t *testing.T) {
	c := storetest.NewClock()
	f := storetest.NewFaulty(storetest.NewMemory(c.Now))
	w := worldOver(t, f, c)
	hashes := fastHash(w)
	w.user("alice", withPassword)
	for _, mode := range []storetest.Mode{storetest.NotPersisted, storetest.Persisted} {
		f.FailWhere(mode, func(op storetest.Op, key string) bool { return strings.HasPrefix(key, "guess/") })
		for _, p := range []auth.Proof{password("alice"), guess("alice", 1), guess("nobody", 1)} {
			_, err := w.Identify(t.Context(), home, p)
			wantCode(t, "the budgets do not answer", err, auth.Unavailable)
		}
		f.Heal()
	}
	if hashes.Load() != 0 {
		t.Error("it was hashed without a budget")
	}
	if _, err := w.Identify(t.Context(), home, password("alice")); err != nil {
		t.Error(err)
	}
}

func TestARightPasswordGivesItsGuessBack(t *testing.T) {
	w := newWorld(t)
	fastHash(w)
	w.user("alice", withPassword)
	for i := range 3 * auth.SourceGuesses {
		if _, err := w.Identify(t.Context(), home, password("alice")); err != nil {
			t.Fatalf("time %d: %v", i, err)
		}
		if i%10 == 0 {
			w.clock.Advance(6 * time.Minute) // both caches forget
		} else {
			w.clock.Advance(time.Second)
		}
	}
}

func TestAFloodOfStrangersLeavesKnownPlacesTheirTurn(t *testing.T) {
	w := newWorld(t)
	fastHash(w)
	w.user("alice", withPassword)
	w.session("alice", false)
	release := w.FillStrangers()
	defer release()
	w.clock.Advance(time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := w.Identify(ctx, home, password("alice")); err != nil {
		t.Errorf("from a known place: %v", err)
	}
	short, cancel2 := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel2()
	_, err := w.Identify(short, from(3), password("alice"))
	wantCode(t, "from elsewhere", err, auth.Throttled)
}

// Unknown, disabled and known users really cost the same hash: medians of the
// real one, compared with much room.
func TestTheRealHashTakesOneTime(t *testing.T) {
	w := newWorld(t)
	w.user("known", withPassword)
	const rounds = 7
	var known, unknown []time.Duration
	for i := range rounds { // in turns, so that a busy machine is fair to both
		for _, one := range []struct {
			name string
			took *[]time.Duration
		}{{"known", &known}, {"nobody", &unknown}} {
			begin := time.Now()
			w.Identify(t.Context(), from(i), guess(one.name, i))
			*one.took = append(*one.took, time.Since(begin))
		}
	}
	slices.Sort(known)
	slices.Sort(unknown)
	if k, u := known[rounds/2], unknown[rounds/2]; k > 3*u || u > 3*k || u < 5*time.Millisecond {
		t.Errorf("a known user takes %v, an unknown one %v", k, u)
	}
}
