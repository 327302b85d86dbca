package auth_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// file is a trail in memory that counts what is read of it.
type file struct {
	*bytes.Reader
	read int64
}

func fileOf(text string) *file { return &file{Reader: bytes.NewReader([]byte(text))} }

func (f *file) ReadAt(p []byte, at int64) (int, error) {
	n, err := f.Reader.ReadAt(p, at)
	f.read += int64(n)
	return n, err
}

func (*file) Close() error { return nil }

func (w *world) written() *file { return fileOf(w.trail.String()) }

// seldom is a file that counts who reads it at once.
type seldom struct {
	*file
	now, most *atomic.Int32
}

func (s seldom) ReadAt(p []byte, at int64) (int, error) {
	n := s.now.Add(1)
	defer s.now.Add(-1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	runtime.Gosched()
	return s.file.Reader.ReadAt(p, at)
}

// However many ask for long searches at once, cores are left for others.
func TestFewLookAtOnce(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	var now, most atomic.Int32
	f := seldom{fileOf(strings.Repeat(strings.Repeat("x", 1000)+"\n", 4000)), &now, &most}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := w.Trail.Activity(t.Context(), alice, "alice", f, 0, 10); err != nil && auth.CodeOf(err) != auth.Throttled {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if cores := runtime.GOMAXPROCS(0); int(most.Load()) > (cores+1)/2 {
		t.Errorf("%d read at once, on %d cores", most.Load(), cores)
	}
}

// pages gives everything from before on, by pages of limit.
func (w *world) pages(f auth.Written, q auth.EventQuery, limit int) (all []auth.Event) {
	w.t.Helper()
	for before := int64(0); ; {
		p, err := w.Trail.Page(w.t.Context(), w.admin, f, q, before, limit)
		must(w.t, err)
		if len(p.Events) > limit || before > 0 && p.Older >= before {
			w.t.Fatalf("%d events before %d, then those before %d", len(p.Events), before, p.Older)
		}
		all = append(all, p.Events...)
		if p.Older == 0 {
			return all
		}
		before = p.Older
	}
}

// searched is what a reading from the beginning gives, newest first.
func (w *world) searched(text string, q auth.EventQuery) (all []auth.Event) {
	w.t.Helper()
	must(w.t, w.Trail.Search(w.t.Context(), w.admin, strings.NewReader(text), q, func(e auth.Event) error {
		all = append(all, e)
		return nil
	}))
	slices.Reverse(all)
	return all
}

// sameEvent compares but for the time of lines that are no events.
func sameEvent(a, b auth.Event) bool {
	if a.Action == auth.ActionUnreadable {
		a.Time, b.Time = time.Time{}, time.Time{}
	}
	return a == b
}

func lineOf(e auth.Event) string {
	text, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return string(text) + "\n"
}

// Read from the end, by pages of any size, the trail is what it is read from
// the beginning: with lines of every length around those of blocks, lines that
// are no events, and lines that no event can be as long as.
func TestBackwardsIsForwardsTurnedRound(t *testing.T) {
	w := newWorld(t)
	random := rand.New(rand.NewPCG(1, 2))
	const block = 64 << 10
	sizes := []int{150, 151, 4096, block/2 - 1, block / 2, block - 2, block - 1, block, block + 1, 2*block - 1, 2 * block, 2*block + 1, 5*block + 7}
	for round := range 30 {
		var text strings.Builder
		for n := range random.IntN(40) {
			size := sizes[random.IntN(len(sizes))]
			if random.IntN(3) > 0 {
				size = 150 + random.IntN(400)
			}
			switch random.IntN(12) {
			case 0:
				text.WriteString("\n")
			case 1:
				text.WriteString(strings.Repeat("x", size-1) + "\n")
			default:
				e := auth.Event{Time: w.clock.Now().Add(time.Duration(n)), Action: "user.update", Result: "ok", User: fmt.Sprintf("u%d", n)}
				e.Cause = strings.Repeat("c", max(0, size-len(lineOf(e))-len(`,"cause":""`)))
				text.WriteString(lineOf(e))
			}
		}
		want := w.searched(text.String(), auth.EventQuery{})
		for _, limit := range []int{1, 2, 7, auth.MaxEventPage} {
			if got := w.pages(fileOf(text.String()), auth.EventQuery{}, limit); !slices.EqualFunc(got, want, sameEvent) {
				t.Fatalf("round %d, pages of %d: %d events, want %d", round, limit, len(got), len(want))
			}
		}
	}
}

func TestLinesThatAreNoEventsHideNothing(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c"} {
		w.user(name)
	}
	whole := strings.SplitAfter(w.trail.String(), "\n")
	text := whole[0] + whole[1][:40] + "\n" + whole[2]
	var got []string
	for _, e := range w.pages(fileOf(text), auth.EventQuery{}, 10) {
		got = append(got, e.Action+" "+e.Target)
		if e.Time.IsZero() {
			t.Errorf("%+v", e)
		}
	}
	if want := []string{"user.create c", "unreadable ", "user.create a"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := w.searched(text, auth.EventQuery{}); len(got) != 3 || got[1].Action != auth.ActionUnreadable {
		t.Errorf("searched: %+v", got)
	}
	if got := w.pages(fileOf(text), auth.EventQuery{Action: "user."}, 10); len(got) != 2 {
		t.Errorf("by a query: %+v", got)
	}
	// The last line is half of what will be there.
	if got := w.pages(fileOf(whole[0]+whole[1][:40]), auth.EventQuery{}, 10); len(got) != 1 || got[0].Target != "a" {
		t.Errorf("before a half line: %+v", got)
	}
	if got := w.pages(fileOf(""), auth.EventQuery{}, 10); len(got) != 0 {
		t.Errorf("of nothing: %+v", got)
	}
}

// Whatever place a client names, it gets whole events, from there or from the
// end.
func TestPagesBeginAnywhere(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c"} {
		w.user(name)
	}
	text := w.trail.String()
	all := w.searched(text, auth.EventQuery{})
	for before := int64(1); before <= int64(len(text))+100; before++ {
		p, err := w.Trail.Page(t.Context(), w.admin, fileOf(text), auth.EventQuery{}, before, 10)
		must(t, err)
		lines := 3
		if before <= int64(len(text)) {
			lines = strings.Count(text[:before], "\n")
		}
		if !slices.Equal(p.Events, all[3-lines:]) || p.Older != 0 {
			t.Fatalf("before %d: %+v", before, p)
		}
	}
	page := func(before int64, limit int, q auth.EventQuery) error {
		return errOf(w.Trail.Page(t.Context(), w.admin, fileOf(text), q, before, limit))
	}
	wantCode(t, "before the beginning", page(-1, 10, auth.EventQuery{}), auth.Invalid, "before")
	wantCode(t, "an empty page", page(0, 0, auth.EventQuery{}), auth.Invalid, "limit")
	wantCode(t, "an endless page", page(0, auth.MaxEventPage+1, auth.EventQuery{}), auth.Invalid, "limit")
	wantCode(t, "an endless text", page(0, 10, auth.EventQuery{Text: strings.Repeat("x", 201)}), auth.Invalid, "text")
	w.user("eve", withPassword)
	wantCode(t, "a page for a user", errOf(w.Trail.Page(t.Context(), w.who(password("eve")), fileOf(text), auth.EventQuery{}, 0, 10)), auth.Forbidden)
}

// What is written while somebody turns pages neither repeats nor hides an event.
func TestTheTrailGrowsWhilePagesAreTurned(t *testing.T) {
	w := newWorld(t)
	for n := range 7 {
		w.user(fmt.Sprintf("u%d", n))
	}
	var got []string
	for before, more := int64(0), 0; ; more++ {
		p, err := w.Trail.Page(t.Context(), w.admin, w.written(), auth.EventQuery{}, before, 2)
		must(t, err)
		for _, e := range p.Events {
			got = append(got, e.Target)
		}
		if p.Older == 0 {
			break
		}
		before = p.Older
		w.user(fmt.Sprintf("later%d", more))
	}
	if want := []string{"u6", "u5", "u4", "u3", "u2", "u1", "u0"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// large is a trail of n lines of one length, of which only the first is alice's.
type large struct {
	n, line int64
	text    func(i int64) []byte
	read    int64
}

func newLarge(n int64, at time.Time) *large {
	l := &large{n: n}
	l.text = func(i int64) []byte {
		user := "robot"
		if i == 0 {
			user = "alice"
		}
		return []byte(lineOf(auth.Event{
			Time: at, Action: "token.create", Result: "ok", User: user, Target: fmt.Sprintf("%s %08d", user, i),
			Addr: "192.0.2.7", Client: strings.Repeat("c", 150),
		}))
	}
	l.line = int64(len(l.text(1)))
	return l
}

func (l *large) Size() int64 { return l.n * l.line }
func (*large) Close() error  { return nil }

func (l *large) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) && at < l.Size() {
		copied := copy(p[n:], l.text(at / l.line)[at%l.line:])
		n, at = n+copied, at+int64(copied)
	}
	l.read += int64(n)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// A page of a million lines costs what a page of fifty does, and no question
// makes one call read more than it should.
func TestAPageReadsOnlyWhatItShows(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	l := newLarge(1_000_000, w.clock.Now().Add(time.Second))
	before := int64(0)
	for n := range 20 {
		l.read = 0
		p, err := w.Trail.Page(t.Context(), w.admin, l, auth.EventQuery{}, before, 50)
		must(t, err)
		last := 1_000_000 - 50*int64(n) - 1
		if len(p.Events) != 50 || p.Events[0].Target != fmt.Sprintf("robot %08d", last) || p.Older != (last-49)*l.line {
			t.Fatalf("page %d: %d events, %+v, older at %d", n, len(p.Events), p.Events[0], p.Older)
		}
		if l.read > 2*64<<10 {
			t.Errorf("page %d read %d bytes", n, l.read)
		}
		before = p.Older
	}

	const bound = 16<<20 + 64<<10
	l.read = 0
	p, err := w.Trail.Page(t.Context(), w.admin, l, auth.EventQuery{Text: "nowhere"}, 0, 50)
	must(t, err)
	if len(p.Events) > 0 || l.read > bound || p.Older < l.Size()-bound || p.Older >= l.Size()-bound/2 {
		t.Errorf("in vain: %d events, %d bytes read, older at %d of %d", len(p.Events), l.read, p.Older, l.Size())
	}

	l.n = 200_000
	alice := w.who(password("alice"))
	calls, found := 0, 0
	for before := int64(0); ; {
		l.read = 0
		p, err := w.Trail.Activity(t.Context(), alice, "alice", l, before, 50)
		must(t, err)
		if calls++; l.read > bound {
			t.Errorf("call %d read %d bytes", calls, l.read)
		}
		found += len(p.Events)
		if before = p.Older; before == 0 {
			break
		}
	}
	if most := int(l.Size()/(16<<20)) + 1; found != 1 || calls > most {
		t.Errorf("%d events in %d calls, want 1 in %d", found, calls, most)
	}

	// Where all are too old it does not go on to the beginning.
	old := newLarge(1_000_000, w.clock.Now().Add(-91*24*time.Hour))
	for what, ask := range map[string]func() (auth.EventPage, error){
		"activity": func() (auth.EventPage, error) {
			return w.Trail.Activity(t.Context(), alice, "alice", old, 0, 50)
		},
		"a page": func() (auth.EventPage, error) {
			return w.Trail.Page(t.Context(), w.admin, old, auth.EventQuery{Since: w.clock.Now()}, 0, 50)
		},
		"a user's page": func() (auth.EventPage, error) {
			return w.Trail.Page(t.Context(), w.admin, old, auth.EventQuery{Since: w.clock.Now(), User: "carol"}, 0, 50)
		},
	} {
		old.read = 0
		if p, err := ask(); err != nil || len(p.Events) > 0 || p.Older != 0 || old.read > 1<<20 {
			t.Errorf("%s of what is too old: %+v, %v, %d bytes read", what, p, err, old.read)
		}
	}
}

func TestQueries(t *testing.T) {
	w := newWorld(t)
	start := w.clock.Now()
	w.user("alice")
	w.clock.Advance(time.Hour)
	w.user("bob")
	w.clock.Advance(time.Hour)
	w.user("carol")
	for what, row := range map[string]struct {
		q    auth.EventQuery
		want string
	}{
		"all":            {auth.EventQuery{}, "carol bob alice"},
		"until":          {auth.EventQuery{Until: start.Add(time.Hour)}, "bob alice"},
		"since":          {auth.EventQuery{Since: start.Add(time.Hour)}, "carol bob"},
		"both":           {auth.EventQuery{Since: start.Add(time.Hour), Until: start.Add(time.Hour)}, "bob"},
		"target":         {auth.EventQuery{Text: "AR"}, "carol"},
		"client":         {auth.EventQuery{Text: "Test/"}, "carol bob alice"},
		"address":        {auth.EventQuery{Text: "192.0.2.7"}, "carol bob alice"},
		"who":            {auth.EventQuery{Text: "local:"}, "carol bob alice"},
		"nothing":        {auth.EventQuery{Text: "user.create"}, ""},
		"user":           {auth.EventQuery{User: "local:0"}, "carol bob alice"},
		"user, as typed": {auth.EventQuery{User: "Bob<"}, ""},
		"action":         {auth.EventQuery{User: "bob", Action: "user."}, "bob"},
		"user and until": {auth.EventQuery{User: "alice", Until: start}, "alice"},
	} {
		for way, events := range map[string][]auth.Event{"pages": w.pages(w.written(), row.q, 2), "search": w.searched(w.trail.String(), row.q)} {
			var got []string
			for _, e := range events {
				got = append(got, e.Target)
			}
			if strings.Join(got, " ") != row.want {
				t.Errorf("%s by %s: %q, want %q", what, way, got, row.want)
			}
		}
	}
}

func FuzzPage(f *testing.F) {
	w := newWorld(f)
	f.Add([]byte(lineOf(auth.Event{Action: "user.create"})), int64(0), 1)
	f.Add([]byte("\n\n{}\nhalf"), int64(3), 2)
	f.Add(bytes.Repeat([]byte("x"), 200_000), int64(150_000), 1)
	f.Fuzz(func(t *testing.T, text []byte, before int64, limit int) {
		p, err := w.Trail.Page(t.Context(), w.admin, fileOf(string(text)), auth.EventQuery{}, before, limit)
		if err != nil {
			if auth.CodeOf(err) != auth.Invalid {
				t.Fatal(err)
			}
			return
		}
		if len(p.Events) > limit || p.Older < 0 || p.Older >= int64(len(text))+1 || p.Older > 0 && before > 0 && before <= int64(len(text)) && p.Older >= before {
			t.Errorf("%d events of %d, older at %d of %d", len(p.Events), limit, p.Older, len(text))
		}
	})
}
