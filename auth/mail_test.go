package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// mailbox is where letters arrive.
type mailbox struct {
	mu   sync.Mutex
	came chan auth.Letter
	send func(ctx context.Context, l auth.Letter) error // nil: takes it
}

func (m *mailbox) Send(ctx context.Context, l auth.Letter) error {
	m.mu.Lock()
	send := m.send
	m.mu.Unlock()
	if send != nil {
		if err := send(ctx, l); err != nil {
			return err
		}
	}
	m.came <- l
	return nil
}

// sendsMail lets w send letters.
func (w *world) sendsMail() *mailbox {
	m := &mailbox{came: make(chan auth.Letter, 1000)}
	w.SetMailer(m)
	return m
}

// next is the next letter, which must be of that kind and go to that address.
func (m *mailbox) next(t testing.TB, kind auth.LetterKind, to string) auth.Letter {
	t.Helper()
	select {
	case l := <-m.came:
		if l.Kind != kind || l.To != to {
			t.Fatalf("a letter of kind %s to %s came, not %s to %s", l.Kind, l.To, kind, to)
		}
		return l
	case <-time.After(patience):
		t.Fatalf("no letter of kind %s came", kind)
		return auth.Letter{}
	}
}

// nothing checks that all that was to be sent has been: of letters that go one
// by one, one about somebody else is the next.
func (m *mailbox) nothing(t testing.TB, w *world) {
	t.Helper()
	name := fmt.Sprintf("last%d", w.clock.Now().UnixNano())
	w.user(name)
	must(t, w.Passwords.Change(t.Context(), w.admin, name, auth.Secret{}, auth.NewSecret(rightPassword)))
	m.next(t, auth.LetterPasswordChanged, name+"@example.com")
	must(t, w.Users.Delete(t.Context(), w.admin, name))
}

// A letter that is not taken is tried twice more within a minute, while others
// go their way, and what is logged then tells neither address nor key.
func TestLettersAreTriedAgain(t *testing.T) {
	oneRing()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		m := w.sendsMail()
		var at []time.Duration
		begun := time.Now()
		m.send = func(ctx context.Context, l auth.Letter) error {
			if end, ok := ctx.Deadline(); !ok || time.Until(end) > 30*time.Second {
				t.Error("an attempt has no deadline")
			}
			if l.User == "alice" {
				at = append(at, time.Since(begun))
				return errors.New("no time now")
			}
			return nil
		}
		w.user("alice", withPassword)
		w.user("bob", withPassword)
		must(t, w.Passwords.Forgot(t.Context(), home, "alice"))
		must(t, w.Passwords.Forgot(t.Context(), home, "bob"))
		synctest.Wait()
		m.next(t, auth.LetterReset, "bob@example.com")
		time.Sleep(10 * time.Minute) // of the bubble
		synctest.Wait()
		if len(at) != 3 || at[0] != 0 || at[2] > time.Minute {
			t.Errorf("tried after %v", at)
		}
		log := w.log.String()
		if !strings.Contains(log, "a letter could not be sent") || !strings.Contains(log, "no time now") || strings.Contains(log, "alice@example.com") {
			t.Error(log)
		}
		must(t, w.Close())
	})
}

// stuck lets letters be sent from release on. held tells that one waits.
func (m *mailbox) stuck() (held <-chan struct{}, release func()) {
	hold, began := make(chan struct{}), make(chan struct{}, 1000)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.send = func(ctx context.Context, _ auth.Letter) error {
		began <- struct{}{}
		select {
		case <-hold:
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	return began, func() { close(hold) }
}

// source is another one for each i.
func source(i int) auth.Peer {
	p := home
	p.Addr = netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})
	return p
}

// What waits is bounded: nobody fills the memory, and who asks is told.
func TestWhatIsAskedForIsBounded(t *testing.T) {
	w := newWorld(t)
	m := w.sendsMail()
	w.user("alice", withPassword)
	release := w.HoldLooks()
	for i := range auth.MaxAsked {
		must(t, w.Passwords.Forgot(t.Context(), source(i/5), "nobody"))
	}
	wantCode(t, "when too many wait", w.Passwords.Forgot(t.Context(), home, "alice"), auth.Throttled)
	release()
	w.HoldLooks()()
	must(t, w.Passwords.Forgot(t.Context(), home, "alice"))
	m.next(t, auth.LetterReset, "alice@example.com")
}

// Whoever asks for very many links while a letter is on its way sees nothing of
// it: else the names of the accounts that get letters could be told from others.
func TestALetterOnItsWayIsNotSeen(t *testing.T) {
	w := newWorld(t)
	m := w.sendsMail()
	w.user("alice", withPassword)
	held, release := m.stuck()
	must(t, w.Passwords.Forgot(t.Context(), home, "alice"))
	<-held
	for i := range 3 * auth.MaxLetters {
		if err := w.Passwords.Forgot(t.Context(), source(i/5), fmt.Sprint("nobody", i)); err != nil {
			t.Fatalf("number %d: %v", i, err)
		}
		if i%auth.MaxLetters == 0 {
			w.HoldLooks()()
		}
	}
	release()
	m.next(t, auth.LetterReset, "alice@example.com")
	w.HoldLooks()()
	m.nothing(t, w)
}

// Letters that wait are bounded, those about one account to few: nobody keeps
// others from theirs.
func TestLettersThatWaitAreBounded(t *testing.T) {
	w := newWorld(t)
	m := w.sendsMail()
	w.user("alice", withPassword)
	w.user("eve", withPassword)
	held, release := m.stuck()
	renew := func(name string) {
		t.Helper()
		must(t, w.Passwords.Change(t.Context(), w.admin, name, auth.Secret{}, auth.NewSecret("another long and quite new one")))
	}
	renew("eve")
	<-held
	for range auth.MaxLettersOf + 5 {
		renew("eve")
	}
	if log := w.log.String(); strings.Count(log, "too many wait") != 5 || strings.Contains(log, "eve@example.com") {
		t.Error(log)
	}
	must(t, w.Passwords.Forgot(t.Context(), home, "alice"))
	w.HoldLooks()()
	release()
	for range 1 + auth.MaxLettersOf {
		m.next(t, auth.LetterPasswordChanged, "eve@example.com")
	}
	m.next(t, auth.LetterReset, "alice@example.com")
}

// Close sends what waits, cuts off what does not end, and then nothing is sent.
func TestCloseWhileLettersAreSent(t *testing.T) {
	oneRing()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		m := w.sendsMail()
		cut := false
		m.send = func(ctx context.Context, l auth.Letter) error {
			switch l.User {
			case "slow":
				time.Sleep(time.Second)
			case "stuck":
				<-ctx.Done()
				cut = true
				return ctx.Err()
			}
			return nil
		}
		for _, name := range []string{"slow", "quick", "stuck", "late"} {
			w.user(name, withPassword)
			must(t, w.Passwords.Forgot(t.Context(), home, name))
		}
		begun := time.Now()
		must(t, w.Close())
		if took := time.Since(begun); took > 5*time.Second || !cut {
			t.Errorf("closed after %v, cut off: %v", took, cut)
		}
		m.next(t, auth.LetterReset, "slow@example.com")
		m.next(t, auth.LetterReset, "quick@example.com")
		wantCode(t, "after the end", w.Passwords.Forgot(t.Context(), home, "quick"), auth.Throttled)
		if len(m.came) != 0 {
			t.Error("more was sent")
		}
		if log := w.log.String(); !strings.Contains(log, "the daemon ends") || !strings.Contains(log, "could not be sent") {
			t.Error(log)
		}
	})
}

func TestWithoutAMailer(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	if w.SendsMail() {
		t.Error("mail is sent from the start")
	}
	wantCode(t, "forgot", w.Passwords.Forgot(t.Context(), home, "alice"), auth.Unsupported)
	m := w.sendsMail()
	if !w.SendsMail() {
		t.Error("no mail is sent with a mailer")
	}
	must(t, w.Passwords.Forgot(t.Context(), home, "alice"))
	m.next(t, auth.LetterReset, "alice@example.com")
	w.SetMailer(nil)
	wantCode(t, "switched off", w.Passwords.Forgot(t.Context(), home, "alice"), auth.Unsupported)
	must(t, w.Passwords.Change(t.Context(), w.admin, "alice", auth.Secret{}, auth.NewSecret("another long and quite new one")))
	w.SetMailer(m)
	m.nothing(t, w)
}
