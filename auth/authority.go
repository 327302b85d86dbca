package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"hash/maphash"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey-io/latchkey/internal/limit"
	"github.com/latchkey-io/latchkey/internal/seal"
	"github.com/latchkey-io/latchkey/keystore"
)

// Config is what an Authority stands on.
type Config struct {
	Store  keystore.Store // required
	Ring   *seal.Ring     // required; OpenRing finds or makes it
	Policy Policy
	// Audit receives one JSON line for every decision worth keeping; nil
	// keeps none.
	Audit io.Writer
	// PasswordChanged is told, after the fact, whose password was changed.
	PasswordChanged func(user string)
	Log             *slog.Logger     // nil: slog.Default
	Now             func() time.Time // nil: time.Now
}

// Policy is the part of the configuration that may change while running. Zero
// values mean what is written beside them.
type Policy struct {
	EncryptedPasswords EncryptionPolicy // "": supported
	MinPassword        int              // characters; 0: 15
	SessionIdle        time.Duration    // 0: 12 h
	SessionAbsolute    time.Duration    // 0: 168 h
	SessionRemember    time.Duration    // 0: 336 h
	TokenDefault       time.Duration    // 0: 8760 h; Endless: tokens do not end by themselves
	TokenMax           time.Duration    // 0: no limit
	UnlockFor          time.Duration    // 0: 10 min
	KeepPasswords      bool             // users may not change their own password
	NoNewAPIKeys       bool             // users may not create or rotate API keys
}

// TokenLife is the life of tokens for which none is asked: TokenDefault, or
// TokenMax where that is less.
func (p Policy) TokenLife() time.Duration {
	if p.TokenMax > 0 && (p.TokenDefault == Endless || p.TokenDefault > p.TokenMax) {
		return p.TokenMax
	}
	return p.TokenDefault
}

// EncryptionPolicy says what becomes of passwords at the door.
type EncryptionPolicy string

const (
	EncryptionSupported   EncryptionPolicy = "supported"   // clear and encrypted passwords
	EncryptionRequired    EncryptionPolicy = "required"    // clear ones only where a session begins
	EncryptionUnsupported EncryptionPolicy = "unsupported" // clear ones only
)

func (p Policy) withDefaults() Policy {
	if p.EncryptedPasswords == "" {
		p.EncryptedPasswords = EncryptionSupported
	}
	if p.MinPassword == 0 {
		p.MinPassword = 15
	}
	for _, d := range []struct {
		at   *time.Duration
		then time.Duration
	}{
		{&p.SessionIdle, 12 * time.Hour},
		{&p.SessionAbsolute, 168 * time.Hour},
		{&p.SessionRemember, 336 * time.Hour},
		{&p.TokenDefault, 8760 * time.Hour},
		{&p.UnlockFor, 10 * time.Minute},
	} {
		if *d.at == 0 {
			*d.at = d.then
		}
	}
	return p
}

// storeDeadline bounds every question to the store: after it the answer is
// Unavailable, never yes and never no.
const storeDeadline = 2 * time.Second

// Authority answers who someone is and keeps their credentials. All methods
// are safe for concurrent use.
type Authority struct {
	Users     *Users
	Groups    *Groups
	Passwords *Passwords
	Keys      *Keys
	Tokens    *Tokens
	SSHKeys   *SSHKeys
	Sessions  *Sessions
	Upstreams *Upstreams
	Bindings  *Bindings
	WebLogins *WebLogins
	Trail     *Trail

	c         Config
	policy    atomic.Pointer[Policy]
	jobs      atomic.Pointer[JobJudge]
	upstreams atomic.Pointer[knownUpstreams]
	providers atomic.Pointer[knownProviders]
	mailer    atomic.Pointer[Mailer]
	rec       records
	cache     cache
	uses      uses

	// Around argon2id: one gate for strangers, one for who signed in from the
	// same place before or is somebody already, so that a flood of the former
	// leaves the latter their turn.
	hashing, hashingKnown *limit.Gate

	signing  *signers
	arriving *limit.Gate // around accounts made for who comes from a provider

	matches func(phc, password string) bool // argon2id; tests count it
	trying  once                            // passwords being tried right now
	known   *knownGood                      // passwords that were right a moment ago
	wrong   *limit.Recent                   // distinct wrong secrets of the last ten minutes

	outbox *outbox
	asking *asking
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// New makes an Authority and begins to follow the store's changes. Close ends
// it; the store and ring stay the caller's.
func New(ctx context.Context, c Config) (*Authority, error) {
	if c.Store == nil || c.Ring == nil {
		return nil, errors.New("auth: Config.Store and Config.Ring are required")
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	a := &Authority{
		c:       c,
		known:   newKnownGood(c.Now),
		wrong:   limit.NewRecent(wrongTable, guessWindow, c.Now),
		matches: matches,
	}
	cores := runtime.GOMAXPROCS(0)
	a.hashing = limit.NewGate((cores+1)/2, maxHashQueue)
	a.hashingKnown = limit.NewGate((cores+1)/2, maxHashQueue)
	a.signing = newSigners(cores)
	a.arriving = limit.NewGate(maxArrivals, maxArrivalsQueued)
	a.cache.feed.seed, a.uses.seed = maphash.MakeSeed(), maphash.MakeSeed()
	a.rec = newRecords(noticing{c.Store, &a.cache.feed})
	rand.Read(a.cache.secret[:])
	a.SetPolicy(c.Policy)
	a.SetProviders(nil, nil)
	a.Users, a.Groups, a.Passwords = &Users{a}, &Groups{a}, &Passwords{a}
	a.Keys = &Keys{a}
	a.Tokens = &Tokens{a, newShelf(a, KindToken, a.rec.tokens, "tokens/", maxTokensOf)}
	a.Tokens.shelf.renewable = a.Tokens.renewable
	a.SSHKeys = &SSHKeys{a, newShelf(a, KindSSHKey, a.rec.sshKeys, "sshkeys/", maxSSHKeysOf)}
	a.Sessions = &Sessions{a, newShelf(a, KindSession, a.rec.sessions, "sessions/", maxSessionsOf)}
	a.Upstreams = &Upstreams{a}
	a.Bindings = &Bindings{a, newShelf(a, KindBinding, a.rec.bindings, "bindings/", maxBindingsOf)}
	a.WebLogins = newWebLogins(a)
	a.Trail = &Trail{a: a, w: c.Audit, looking: limit.NewGate((cores+1)/2, maxLooking)}
	if err := a.ensureSystem(ctx); err != nil {
		return nil, err
	}

	background, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.asking = &asking{a: a, ctx: background}
	a.done.Go(func() {
		// Watch ends with the context; should it end before, nothing proves
		// the cache any more and every request reads the store.
		if err := c.Store.Watch(background, a.cache.feed.notice); err != nil {
			a.c.Log.Error("the store's change feed ended; every request now reads the store", "error", err)
		}
		a.cache.feed.forget()
	})
	a.done.Go(func() { a.flushUses(background) })
	a.outbox = newOutbox(a)
	return a, nil
}

// Close stops what New began and waits for it; last-used times are written,
// and letters that wait are sent, for some seconds at most.
func (a *Authority) Close() error {
	a.outbox.close()
	a.stop()
	a.done.Wait()
	return nil
}

// SetPolicy replaces the policy at once.
func (a *Authority) SetPolicy(p Policy) {
	p = p.withDefaults()
	a.policy.Store(&p)
	raise(&a.cache.feed.floor, a.cache.feed.seq.Add(1)) // answers may differ now
}

// Policy is the one in force, with defaults filled in.
func (a *Authority) Policy() Policy { return *a.policy.Load() }

func (a *Authority) now() time.Time { return a.c.Now() }

// Ready reports whether the store answers: nil, or an error of code Unavailable.
func (a *Authority) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	_, err := (&view{a: a}).system(ctx)
	return err
}

// ensureSystem makes the system record where the store has none yet.
func (a *Authority) ensureSystem(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	_, _, err := a.rec.system.Get(ctx, systemID)
	if gone(err) {
		err = a.rec.system.Create(ctx, systemID, systemRecord{Service: randomID()}, time.Time{})
		if errors.Is(err, keystore.ErrExists) {
			return nil
		}
	}
	return storeFailed(err)
}
