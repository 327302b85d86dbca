package oauth_test

import (
	"encoding/base64"
	"errors"
	"maps"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/seal"
	"github.com/latchkey-io/latchkey/internal/testidp"
	"github.com/latchkey-io/latchkey/oauth"
)

// refusedWith reports an error of a code whose cause has a text.
func refusedWith(err error, code auth.Code, text string) bool {
	return auth.CodeOf(err) == code && strings.Contains(cause(err), text)
}

// finish is Finish without what comes of it.
func finish(t testing.TB, l *oauth.Logins, provider string, back url.Values, b browser) error {
	t.Helper()
	ext, _, err := l.Finish(t.Context(), provider, back, b.kept)
	if (err == nil) != (ext.Subject != "") {
		t.Errorf("%+v with %v", ext, err)
	}
	return err
}

// One state lets one in, however many come with it at once.
func TestStateIsUsedOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	b := browser{}
	back, err := r.there(t, b, attemptTo(auth.ToSignIn))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var in atomic.Int32
	for range 20 {
		all.Go(func() {
			switch _, _, err := r.Finish(t.Context(), "corp", back, b.kept); {
			case err == nil:
				in.Add(1)
			case !refusedWith(err, auth.Invalid, "used before"):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if in.Load() != 1 || r.op.Asked(testidp.Token) != 1 {
		t.Errorf("%d came in, the code was shown %d times", in.Load(), r.op.Asked(testidp.Token))
	}
	for state, until := range r.spent.seen {
		if state != back.Get("state") || until.Sub(r.clock.Now()) < 10*time.Minute {
			t.Errorf("%s is remembered until %s", state, until)
		}
	}
}

// An attempt that cannot be noted as used is not gone on with.
func TestWhenTheStoreIsDown(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	down := &auth.Error{Code: auth.Unavailable, Reason: "the store does not answer"}
	config := r.config
	config.Spend = func(ctx, string, time.Time) error { return down }
	b := browser{}
	back, err := r.there(t, b, attemptTo(auth.ToSignIn))
	if err != nil {
		t.Fatal(err)
	}
	if err := finish(t, logins(t, config), "corp", back, b); !errors.Is(err, down) {
		t.Error(err)
	}
	if n := r.op.Asked(testidp.Token); n != 0 {
		t.Errorf("the code was shown %d times", n)
	}
	if err := finish(t, r.Logins, "corp", back, b); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// What is brought back must be of this browser, to this provider, in time.
func TestAnswersThatAreNotOurs(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, tc := range []struct {
		name, want string
		change     func(back url.Values, b browser)
	}{
		{"no cookie", "no cookie of the attempt", func(_ url.Values, b browser) { clear(b) }},
		{"an empty cookie", "does not open", func(back url.Values, b browser) { b[back.Get("state")[:10]] = "" }},
		{"a cookie cut short", "does not open", func(back url.Values, b browser) {
			id := back.Get("state")[:10]
			b[id] = b[id][:len(b[id])-1]
		}},
		{"a long cookie", "does not open", func(back url.Values, b browser) {
			b[back.Get("state")[:10]] = strings.Repeat("A", 1<<20)
		}},
		{"the cookie of another attempt under this name", "does not open", func(back url.Values, b browser) {
			_, _, other, err := r.Begin(t.Context(), "corp", attemptTo(auth.ToSignIn))
			if err != nil {
				t.Fatal(err)
			}
			b[back.Get("state")[:10]] = other
		}},
		{"no state", "no state of ours", func(back url.Values, _ browser) { back.Del("state") }},
		{"a state with another end", "the state is not that of the attempt", func(back url.Values, _ browser) {
			back.Set("state", back.Get("state")[:10]+strings.Repeat("A", 33))
		}},
		{"a state of 44", "no state of ours", func(back url.Values, _ browser) { back.Set("state", back.Get("state")+"A") }},
		{"a state of 42", "no state of ours", func(back url.Values, _ browser) { back.Set("state", back.Get("state")[:42]) }},
		{"a state in another spelling", "no state of ours", func(back url.Values, _ browser) {
			s := back.Get("state")
			at := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", s[42])
			back.Set("state", s[:42]+string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[at+1]))
		}},
		{"a state with a line break", "no state of ours", func(back url.Values, _ browser) {
			back.Set("state", back.Get("state")[:42]+"\n")
		}},
		{"31 parameters", "31 parameters", func(back url.Values, _ browser) {
			for i := range 31 - len(back) {
				back.Set(strings.Repeat("x", i+1), "")
			}
		}},
		{"a parameter twice that means nothing", "2 times", func(back url.Values, _ browser) { back["scope"] = []string{"a", "a"} }},
		{"a parameter without a value", "0 times", func(back url.Values, _ browser) { back["code"] = nil }},
	} {
		b := browser{}
		back, err := r.there(t, b, attemptTo(auth.ToSignIn))
		if err != nil {
			t.Fatal(err)
		}
		good, cookies := url.Values{}, maps.Clone(b)
		for name, values := range back {
			good[name] = slices.Clone(values)
		}
		tc.change(back, b)
		if err := finish(t, r.Logins, "corp", back, b); !refusedWith(err, auth.Invalid, tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
		// Whoever sent that has used nothing up.
		if err := finish(t, r.Logins, "corp", good, cookies); err != nil {
			t.Errorf("%s: afterwards: %v", tc.name, err)
		}
	}
	if err := finish(t, r.Logins, "other", url.Values{}, nil); auth.CodeOf(err) != auth.NotFound {
		t.Error(err)
	}
}

func TestAttemptsEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, tc := range []struct {
		after time.Duration
		ok    bool
	}{
		{0, true}, {9 * time.Minute, true}, {10 * time.Minute, true}, {10*time.Minute + time.Second, false}, {24 * time.Hour, false},
		{-30 * time.Second, true}, {-5 * time.Minute, false},
	} {
		b := browser{}
		to, id, sealed, err := r.Begin(t.Context(), "corp", attemptTo(auth.ToSignIn))
		if err != nil {
			t.Fatal(err)
		}
		b[id] = sealed
		r.clock.move(tc.after)
		_, a, err := r.Finish(t.Context(), "corp", r.op.Visit(to).Query(), b.kept)
		if a.Purpose != auth.ToSignIn {
			t.Errorf("after %s: the attempt is %+v", tc.after, a)
		}
		if (err == nil) != tc.ok || err != nil && !refusedWith(err, auth.Invalid, "was begun at") {
			t.Errorf("after %s: %v", tc.after, err)
		}
		r.clock.move(-tc.after)
	}
}

// Cookies are opened by those who have the ring they were sealed with.
func TestAttemptOfAnotherRing(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	config := r.config
	var err error
	if config.Ring, err = seal.NewRing(); err != nil {
		t.Fatal(err)
	}
	b := browser{}
	back, err := r.there(t, b, attemptTo(auth.ToSignIn))
	if err != nil {
		t.Fatal(err)
	}
	if err := finish(t, logins(t, config), "corp", back, b); !refusedWith(err, auth.Invalid, "does not open") {
		t.Error(err)
	}
	// Every bit of the cookie counts.
	for id, sealed := range b {
		box, err := base64.RawURLEncoding.DecodeString(sealed)
		if err != nil {
			t.Fatal(err)
		}
		for i := range box {
			changed := slices.Clone(box)
			changed[i] ^= 1
			other := browser{id: base64.RawURLEncoding.EncodeToString(changed)}
			if err := finish(t, r.Logins, "corp", back, other); !refusedWith(err, auth.Invalid, "does not open") {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
	}
}

// The answer of one provider is brought to the callback of another, in every
// combination; only its own lets in, and the code goes nowhere else.
func TestMixUp(t *testing.T) {
	t.Parallel()
	a, c := testidp.NewOIDC(t), testidp.NewOIDC(t)
	clock, used := newClock(), &spent{}
	config := oauth.Config{Ring: testRing(), Spend: used.spend, Now: clock.Now}
	for name, op := range map[string]*testidp.OIDC{"a": a, "c": c} {
		op.SetNow(clock.Now)
		p := provider(op)
		p.Name, p.Callback = name, "https://latchkey.example.com/-/oauth/"+name+"/callback"
		op.Register(p.Callback)
		config.Providers = append(config.Providers, p)
	}
	l := logins(t, config)
	ways := map[string]*testidp.OIDC{"a": a, "c": c}
	b := browser{}
	begin := func(name string) url.Values {
		to, id, sealed, err := l.Begin(t.Context(), name, attemptTo(auth.ToSignIn))
		if err != nil {
			t.Fatal(err)
		}
		b[id] = sealed
		return ways[name].Visit(to).Query()
	}
	for _, at := range []string{"a", "c"} {
		other := map[string]string{"a": "c", "c": "a"}[at]
		// All of the other's answer.
		if err := finish(t, l, at, begin(other), b); !refusedWith(err, auth.Invalid, "the attempt is at provider "+other) {
			t.Error(err)
		}
		// Ours, with parts of the other's.
		for n := range 8 {
			ours, theirs := begin(at), begin(other)
			for i, name := range []string{"code", "state", "iss"} {
				if n&(1<<i) != 0 {
					ours.Set(name, theirs.Get(name))
				}
			}
			err := finish(t, l, at, ours, b)
			switch {
			case n == 0 && err != nil:
				t.Error(err)
			case n == 1 && auth.CodeOf(err) != auth.Forbidden: // the provider does not know the code
				t.Errorf("another's code: %v", err)
			case n > 1 && auth.CodeOf(err) != auth.Invalid:
				t.Errorf("%b: %v", n, err)
			}
		}
	}
	if a.Asked(testidp.Token) != 2 || c.Asked(testidp.Token) != 2 {
		t.Errorf("codes were shown %d and %d times", a.Asked(testidp.Token), c.Asked(testidp.Token))
	}
}

// The code of another browser's attempt is worth nothing: its PKCE challenge
// is another (RFC 9700 §4.5).
func TestCodeInjection(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	ours, theirs := browser{}, browser{}
	back, err := r.there(t, ours, attemptTo(auth.ToBind))
	if err != nil {
		t.Fatal(err)
	}
	stolen, err := r.there(t, theirs, attemptTo(auth.ToBind))
	if err != nil {
		t.Fatal(err)
	}
	back.Set("code", stolen.Get("code"))
	if err := finish(t, r.Logins, "corp", back, ours); !refusedWith(err, auth.Forbidden, "invalid_grant") {
		t.Error(err)
	}
	if err := finish(t, r.Logins, "corp", stolen, ours); !refusedWith(err, auth.Invalid, "no cookie") {
		t.Error(err)
	}
}

// Five tabs of one browser end each in their own way.
func TestFiveAttemptsAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	b := browser{}
	var answers []url.Values
	for i := range 5 {
		back, err := r.there(t, b, auth.Attempt{Purpose: auth.ToBind, Session: "s" + string(rune('0'+i)), Next: "/n" + string(rune('0'+i))})
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, back)
	}
	if len(b) != 5 {
		t.Fatalf("%d cookies", len(b))
	}
	for i := range slices.Backward(answers) {
		_, a, err := r.Finish(t.Context(), "corp", answers[i], b.kept)
		if n := string(rune('0' + i)); err != nil || a.Session != "s"+n || a.Next != "/n"+n {
			t.Errorf("%d: %+v, %v", i, a, err)
		}
	}
}

func TestBeginRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for name, tc := range map[string]struct {
		provider string
		a        auth.Attempt
		code     auth.Code
	}{
		"another provider":     {"other", attemptTo(auth.ToSignIn), auth.NotFound},
		"in capitals":          {"Corp", attemptTo(auth.ToSignIn), auth.NotFound},
		"no purpose":           {"corp", auth.Attempt{}, auth.Invalid},
		"another purpose":      {"corp", auth.Attempt{Purpose: "x", Session: "s"}, auth.Invalid},
		"bind without session": {"corp", auth.Attempt{Purpose: auth.ToBind}, auth.Invalid},
		"unlock without":       {"corp", auth.Attempt{Purpose: auth.ToUnlock}, auth.Invalid},
		"a long session":       {"corp", auth.Attempt{Purpose: auth.ToBind, Session: strings.Repeat("s", 129)}, auth.Invalid},
	} {
		if to, id, sealed, err := r.Begin(t.Context(), tc.provider, tc.a); auth.CodeOf(err) != tc.code || to+id+sealed != "" {
			t.Errorf("%s: %q, %v", name, to, err)
		}
	}
	// What is too long to carry along is left behind.
	long := auth.Attempt{Purpose: auth.ToBind, Session: strings.Repeat("s", 128), Next: "/" + strings.Repeat("n", 767)}
	for _, next := range []string{long.Next, long.Next + "n"} {
		long.Next = next
		b := browser{}
		back, err := r.there(t, b, long)
		if err != nil {
			t.Fatal(err)
		}
		_, a, err := r.Finish(t.Context(), "corp", back, b.kept)
		want := next
		if len(next) > 768 {
			want = ""
		}
		if err != nil || a.Next != want || a.Session != long.Session {
			t.Errorf("%d bytes: %+v, %v", len(next), a, err)
		}
	}
}

// Attempts that nobody ends are kept nowhere but in browsers.
func TestAbandonedAttemptsCostNothing(t *testing.T) {
	r := newRig(t, nil)
	begin := func(n int) {
		for range n {
			if _, _, _, err := r.Begin(t.Context(), "corp", attemptTo(auth.ToSignIn)); err != nil {
				t.Fatal(err)
			}
		}
	}
	inUse := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	begin(1000)
	before := inUse()
	begin(200_000)
	// One byte kept of each would show.
	if after := inUse(); after > before+200_000 {
		t.Errorf("%d bytes more are in use", after-before)
	}
	if len(r.spent.seen) != 0 || r.op.Asked(testidp.Discovery) != 1 || r.op.Asked(testidp.JWKS) != 1 {
		t.Errorf("%d are remembered", len(r.spent.seen))
	}
	if _, err := r.visit(t, auth.ToSignIn); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
