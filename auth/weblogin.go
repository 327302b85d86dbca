package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/internal/event"
	"github.com/latchkey-io/latchkey/keystore"
)

// WebLogins lets a person in a browser sign a program in that waits elsewhere.
// The program names its wait by a UUID of its own, shows the person the last
// four characters, and asks again and again; the person, signed in and
// unlocked, types them. The token is handed over once, made again from its
// record: nothing that works is kept in between.
type WebLogins struct {
	a       *Authority
	waits   keystore.Table[webLoginRecord]
	waiting keystore.Table[waitingList]
}

// NewWebLogin is a program's wait.
type NewWebLogin struct {
	ID          string // the program's UUID: who knows it gets the token
	Refreshable bool   // it can renew its token
	Description string // of the token; from where is added to it
}

// WebLoginCode is how many characters of the end of an id the person types.
const WebLoginCode = 4

// NewWebLoginID draws an id for a program that brings none of its own.
func NewWebLoginID() string { return randomID() }

// WebLogin is a wait as the person sees it who is to end it.
type WebLogin struct {
	Created, Expires time.Time
	Addr, Client     string // of the program, as the daemon saw them
}

const (
	webLoginLife     = 5 * time.Minute
	webLoginsOf      = 20   // of one source
	webLoginsAll     = 1000 // of all
	webLoginAttempts = 5    // at the last four characters

	// Clients begin to renew a token up to seven days before its end, with a
	// pause before each request; one that lives no longer is better not renewed.
	refreshableLife = 8 * 24 * time.Hour

	lookupWebLogin = "web login"
	shortHash      = 16 // characters of a hash, where a clash harms nobody
	waitingID      = "all"
)

// webLoginRecord is at the keyed hash of its UUID.
type webLoginRecord struct {
	Created     time.Time `json:"created"`
	Addr        string    `json:"address,omitempty"`
	Client      string    `json:"client,omitempty"`
	Refreshable bool      `json:"refreshable,omitempty"`
	Description string    `json:"description"`
	Wrong       int       `json:"wrong,omitempty"`
	Approved    bool      `json:"approved,omitempty"` // by somebody, who alone goes on
	Token       string    `json:"token,omitempty"`    // to be handed over
}

func newWebLogins(a *Authority) *WebLogins {
	return &WebLogins{
		a:       a,
		waits:   keystore.NewTable[webLoginRecord](a.rec.store, "weblogin/"),
		waiting: keystore.NewTable[waitingList](a.rec.store, "weblogins/"),
	}
}

func (l *WebLogins) hash(id string) string {
	return l.a.ring().LookupID(lookupWebLogin, strings.ToLower(id))
}

// Begin notes that a program waits. Errors: Throttled when too many wait, of
// its source or in all; Exists for an id that is in use.
func (l *WebLogins) Begin(ctx context.Context, peer Peer, n NewWebLogin) error {
	if len(n.ID) < 32 || len(n.ID) > 64 {
		return invalid("session", "the session is not a UUID")
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	hash, source, now := l.hash(n.ID), l.a.sourceID(peer)[:shortHash], l.a.now().UTC()
	ends := now.Add(webLoginLife)
	_, err := l.waiting.Upsert(ctx, waitingID, func(w *waitingList, _ *time.Time) error {
		w.Waiting = slices.DeleteFunc(w.Waiting, func(o waiter) bool { return o.Ends <= now.Unix() })
		if slices.ContainsFunc(w.Waiting, func(o waiter) bool { return o.ID == hash[:shortHash] }) {
			return taken()
		}
		if wait := w.full(source, now); wait > 0 {
			return &Error{Code: Throttled, RetryAfter: wait, Reason: "too many programs wait to be signed in; finish those, or try again in some minutes"}
		}
		w.Waiting = append(w.Waiting, waiter{hash[:shortHash], source, ends.Unix()})
		return nil
	})
	if err != nil {
		return storeFailed(err)
	}
	rec := webLoginRecord{
		Created: now, Client: event.Clean(Mask(peer.Client), MaxClient),
		Refreshable: n.Refreshable, Description: n.Description,
	}
	if peer.Addr.IsValid() {
		rec.Addr = peer.Addr.String()
	}
	err = l.waits.Create(ctx, hash, rec, ends)
	if errors.Is(err, keystore.ErrExists) {
		return taken()
	}
	return storeFailed(err)
}

// get reads a wait that nobody has approved yet.
func (l *WebLogins) get(ctx context.Context, id string) (webLoginRecord, time.Time, error) {
	rec, ends, err := l.waits.Get(ctx, l.hash(id))
	if gone(err) || err == nil && rec.Approved {
		return rec, ends, noWait()
	}
	return rec, ends, storeFailed(err)
}

func noWait() error {
	return &Error{Code: NotFound, Reason: "no program waits here any more; start its sign-in again"}
}

// Show tells the person which program waits. NotFound when none does any more.
func (l *WebLogins) Show(ctx context.Context, who Identity, id string) (WebLogin, error) {
	if err := l.a.may(ctx, who, actWebLoginShow, who.User); err != nil {
		return WebLogin{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	rec, ends, err := l.get(ctx, id)
	return WebLogin{Created: rec.Created, Expires: ends, Addr: rec.Addr, Client: rec.Client}, err
}

// Approve signs the waiting program in as the caller, who is in an unlocked
// session (Locked, Forbidden otherwise) and typed the last four characters of
// the id. Wrong ones are Invalid, field "code"; the fifth ends the wait.
func (l *WebLogins) Approve(ctx context.Context, who Identity, id, code string) (err error) {
	target := who.User
	defer func() { l.a.Trail.acted(who, actWebLoginApprove, target, err) }()
	if who.Known() && who.Via.Kind != KindSession {
		return forbidden("a program is let in from the browser alone")
	}
	if err := l.a.may(ctx, who, actWebLoginApprove, who.User); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	if _, _, err := l.get(ctx, id); err != nil {
		return err
	}
	hash := l.hash(id)
	right := subtle.ConstantTimeCompare([]byte(strings.ToLower(strings.TrimSpace(code))), []byte(strings.ToLower(id[len(id)-WebLoginCode:]))) == 1
	rec, err := l.waits.Update(ctx, hash, func(r *webLoginRecord, _ *time.Time) error {
		switch {
		case r.Approved || r.Wrong >= webLoginAttempts:
			return noWait()
		case right:
			r.Approved = true
		default:
			r.Wrong++
		}
		return nil
	})
	switch {
	case gone(err):
		return noWait()
	case err != nil:
		return storeFailed(err)
	case !right && rec.Wrong >= webLoginAttempts:
		if err := l.end(ctx, hash); err != nil {
			return err
		}
		return noWait()
	case !right:
		return invalid("code", "these are not the last four characters that the program shows")
	}
	target = who.User + " " + rec.Addr
	life := l.a.Policy().TokenLife()
	tok, err := l.a.Tokens.Create(ctx, who, NewToken{
		Refreshable: rec.Refreshable && (life == Endless || life > refreshableLife),
		Description: event.Clean(strings.TrimSpace(rec.Description+" from "+rec.Addr), maxJobText),
	})
	made := err
	_, err = l.waits.Update(ctx, hash, func(r *webLoginRecord, _ *time.Time) error {
		r.Approved, r.Token = made == nil, tok.ID // without a token it waits on
		return nil
	})
	switch {
	case made != nil:
		return made
	case gone(err):
		return noWait()
	}
	return storeFailed(err)
}

// Refuse ends a wait that the person did not begin.
func (l *WebLogins) Refuse(ctx context.Context, who Identity, id string) (err error) {
	defer func() { l.a.Trail.acted(who, actWebLoginRefuse, who.User, err) }()
	if err := l.a.may(ctx, who, actWebLoginRefuse, who.User); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	if _, _, err := l.get(ctx, id); err != nil {
		return err
	}
	return l.end(ctx, l.hash(id))
}

// Take hands the token over, to the first who asks for it after it was
// approved; false while nobody has. NotFound for an id that is unknown, has
// ended or was served.
func (l *WebLogins) Take(ctx context.Context, peer Peer, id string) (tok Token, done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	hash := l.hash(id)
	rec, _, err := l.waits.Get(ctx, hash)
	switch {
	case gone(err):
		return Token{}, false, noWait()
	case err != nil:
		return Token{}, false, storeFailed(err)
	case rec.Token == "":
		return Token{}, false, nil
	}
	if tok, err = l.a.Tokens.again(ctx, rec.Token); CodeOf(err) == Throttled || CodeOf(err) == Unavailable {
		return Token{}, false, err // to be asked for again
	}
	if err := l.end(ctx, hash); err != nil {
		return Token{}, false, err
	}
	l.a.Trail.acted(Identity{User: tok.Owner, Peer: peer}, actWebLoginTake, tok.Owner+" "+rec.Token, err)
	return tok, err == nil, err
}

// end takes a wait away; of several at once one succeeds, the others are told
// that it is gone.
func (l *WebLogins) end(ctx context.Context, hash string) error {
	if err := l.waits.Delete(ctx, hash); gone(err) {
		return noWait()
	} else if err != nil {
		return storeFailed(err)
	}
	_, err := l.waiting.Update(ctx, waitingID, func(w *waitingList, _ *time.Time) error {
		before := len(w.Waiting)
		w.Waiting = slices.DeleteFunc(w.Waiting, func(o waiter) bool { return o.ID == hash[:shortHash] })
		if len(w.Waiting) == before {
			return keystore.ErrSkip
		}
		return nil
	})
	if err != nil && !gone(err) { // it stands on the list until its time is over
		l.a.c.Log.Debug("a web login was not taken off the list of those that wait", "error", err)
	}
	return nil
}
