package auth

import (
	"context"
	"sync"
	"time"
)

const (
	maxAsked       = 1000             // links that were asked for and are not looked into yet
	maxLetters     = 100              // that wait to be sent
	maxLettersOf   = 10               // of these, about one account
	letterDeadline = 30 * time.Second // of one attempt to send
	lettersGrace   = 3 * time.Second  // of Close, for what waits
)

// letterPauses are before the second and the third attempt to send a letter,
// the last.
var letterPauses = [...]time.Duration{5 * time.Second, 20 * time.Second}

// outbox sends letters, one after the other, away from the requests that caused
// them: how long that takes is nobody's to see. Whether a link that was asked
// for is mailed at all is looked into apart from the sending: otherwise who fills
// the queue would see whether a letter holds it up.
type outbox struct {
	a     *Authority
	asked chan func(context.Context) // closed by close
	wake  chan struct{}              // of capacity 1: there is something new

	mu      sync.Mutex
	waiting []errand
	deaf    bool // asked is closed
	closing bool

	stop   context.CancelFunc // ends what is under way
	looked chan struct{}      // look has ended
	done   chan struct{}      // run has ended
}

// errand is a letter on its way. It waits in memory alone: what a restart
// loses, the person asks for again.
type errand struct {
	letter   Letter
	attempts int
	due      time.Time // by the machine's clock; zero: now
}

func newOutbox(a *Authority) *outbox {
	ctx, stop := context.WithCancel(context.Background())
	o := &outbox{
		a: a, asked: make(chan func(context.Context), maxAsked), wake: make(chan struct{}, 1),
		stop: stop, looked: make(chan struct{}), done: make(chan struct{}),
	}
	go o.look(ctx)
	go o.run(ctx)
	return o
}

// ask lets do look into what was asked for, soon; false: too many were asked,
// or the outbox is closed.
func (o *outbox) ask(do func(context.Context)) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.deaf {
		return false
	}
	select {
	case o.asked <- do:
		return true
	default:
		return false
	}
}

func (o *outbox) look(ctx context.Context) {
	defer close(o.looked)
	for do := range o.asked {
		do(ctx)
	}
}

// put takes a letter; false: too many wait, or the outbox is closed.
func (o *outbox) put(l Letter) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	of := 0
	for _, w := range o.waiting {
		if w.letter.User == l.User {
			of++
		}
	}
	if o.closing || len(o.waiting) >= maxLetters || of >= maxLettersOf {
		return false
	}
	o.add(errand{letter: l})
	return true
}

// tell is put for a letter that nobody waits for.
func (o *outbox) tell(l Letter) {
	if !o.put(l) {
		o.a.c.Log.Warn("a letter was not sent: too many wait", "kind", string(l.Kind), "user", l.User)
	}
}

func (o *outbox) add(e errand) {
	o.waiting = append(o.waiting, e)
	o.ring()
}

// ring wakes run, or lets it not rest when it would.
func (o *outbox) ring() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// next takes the first errand that is due. Without one, pause is how long the
// next has still to wait, 0 where there is none, and over says that the outbox
// is closed.
func (o *outbox) next(now time.Time) (e errand, due bool, pause time.Duration, over bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, w := range o.waiting {
		wait := w.due.Sub(now)
		if w.due.IsZero() || wait <= 0 {
			o.waiting = append(o.waiting[:i:i], o.waiting[i+1:]...)
			return w, true, 0, false
		}
		if pause == 0 || wait < pause {
			pause = wait
		}
	}
	return errand{}, false, pause, o.closing
}

func (o *outbox) run(ctx context.Context) {
	defer close(o.done)
	for ctx.Err() == nil {
		e, due, pause, over := o.next(time.Now())
		switch {
		case due:
			o.carry(ctx, e)
			continue
		case over:
			return
		}
		o.rest(ctx, pause)
	}
}

// rest waits for something to do; pause is how long at most, 0: for ever.
func (o *outbox) rest(ctx context.Context, pause time.Duration) {
	var later <-chan time.Time
	if pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		later = timer.C
	}
	select {
	case <-o.wake:
	case <-later:
	case <-ctx.Done():
	}
}

// carry sends one letter, or puts it back for another attempt.
func (o *outbox) carry(ctx context.Context, e errand) {
	mailer := o.a.mailer.Load()
	if mailer == nil {
		return // switched off meanwhile
	}
	attempt, cancel := context.WithTimeout(ctx, letterDeadline)
	defer cancel()
	err := (*mailer).Send(attempt, e.letter)
	if err == nil {
		o.a.c.Log.Debug("a letter was sent", "kind", string(e.letter.Kind), "user", e.letter.User)
		return
	}
	if e.attempts++; e.attempts <= len(letterPauses) && o.again(e) {
		return
	}
	o.a.c.Log.Warn("a letter could not be sent", "kind", string(e.letter.Kind), "user", e.letter.User, "attempts", e.attempts, "error", err)
}

// again puts a letter back that was not sent; false: the outbox is closed.
func (o *outbox) again(e errand) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing {
		return false
	}
	e.due = time.Now().Add(letterPauses[e.attempts-1])
	o.add(e)
	return true
}

// close sends what is due, for lettersGrace at most, and ends.
func (o *outbox) close() {
	late := time.AfterFunc(lettersGrace, o.stop)
	o.mu.Lock()
	if !o.deaf {
		o.deaf = true
		close(o.asked)
	}
	o.mu.Unlock()
	<-o.looked
	o.mu.Lock()
	o.closing = true
	o.ring()
	o.mu.Unlock()
	<-o.done
	late.Stop()
	o.stop()
	if n := len(o.waiting); n > 0 {
		o.a.c.Log.Warn("letters were not sent: the daemon ends", "letters", n)
		o.waiting = nil
	}
}
