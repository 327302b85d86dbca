package auth

import (
	"context"
	"errors"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/latchkey-io/latchkey/internal/limit"
	"github.com/latchkey-io/latchkey/keystore"
)

// Guessing is bounded per account and per source, over all entrances and all
// replicas, and a stranger's guessing never stops the owner: wrong passwords
// are paid for from
//
//   - the place's own budget, where this user signed in from here before, or
//   - the account's budget for strangers and the source's budget, both.
//
// Only distinct wrong secrets are paid for; keys, tokens and sessions never
// touch a budget.
const (
	guessWindow = 10 * time.Minute

	// StrangerGuesses are per account and window, from all unknown places together.
	StrangerGuesses = 50
	placeGuesses    = 20  // per account, known place and window
	placesGuesses   = 40  // per account and window, from all known places together
	sourceGuesses   = 100 // per source and window, over all accounts

	placeLife  = 30 * 24 * time.Hour
	maxPlaces  = 64
	placeFresh = 24 * time.Hour // a sign-in is noted again after this

	// unknownNames is over how many records the names that are nobody's
	// share their budgets, so that a million of them fill nothing.
	unknownNames = 1 << 14

	wrongTable = 1 << 16 // distinct wrong secrets remembered
)

// guessRecord counts the guesses of one budget within its window.
type guessRecord struct {
	Count int `json:"n"`
}

// placeRecord tells from where a user signed in: keyed hash of the source →
// unix time of the latest sign-in noted.
type placeRecord struct {
	UID  string           `json:"uid"`
	Last map[string]int64 `json:"last"`
}

// payment is a guess that was paid for, so that it can be given back.
type payment struct {
	a       *Authority
	budgets []string
	place   bool // paid from the budgets of a known place
}

// budget is a record of guesses and how many it may count.
type budget struct {
	id   string
	most int
}

// budgets are those that a guess at name from peer is paid from; place tells
// that they are a known place's own. Names that are nobody's ask the store
// the same questions, so that no answer comes sooner for them.
func (a *Authority) budgets(ctx context.Context, peer Peer, name string, acc *account) (of []budget, place bool, err error) {
	source := a.sourceID(peer)
	if place, err = a.knownPlace(ctx, name, acc, source); err != nil {
		return nil, false, err
	}
	if place {
		return a.placeBudgets(name, source), true, nil
	}
	account := "account/" + name
	if acc == nil {
		h := fnv.New32a()
		h.Write([]byte(a.ring().LookupID(lookupPlace, name)))
		account = "unknown/" + strconv.Itoa(int(h.Sum32()%unknownNames))
	}
	return []budget{{account, StrangerGuesses}, {"source/" + source, sourceGuesses}}, false, nil
}

func (a *Authority) placeBudgets(name, source string) []budget {
	return []budget{{"place/" + name + "/" + source, placeGuesses}, {"places/" + name, placesGuesses}}
}

// payGuess takes one guess from each budget that applies, or says Throttled.
func (a *Authority) payGuess(ctx context.Context, peer Peer, name string, acc *account) (payment, error) {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	budgets, place, err := a.budgets(ctx, peer, name, acc)
	if err != nil {
		return payment{}, err
	}
	paid := payment{a: a, place: place}
	for _, b := range budgets {
		wait, err := a.take(ctx, b.id, b.most)
		if err != nil {
			paid.refund(ctx)
			return payment{}, err
		}
		if wait > 0 {
			paid.refund(ctx)
			return payment{}, throttled(wait)
		}
		paid.budgets = append(paid.budgets, b.id)
	}
	return paid, nil
}

// unspent is nil while guesses at name from peer could still be paid for, and
// Throttled after. A password remembered as right is asked this as well: were
// it let in past a spent budget, guesses at it would be free and unbounded.
func (a *Authority) unspent(ctx context.Context, peer Peer, name string, acc *account) error {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	budgets, _, err := a.budgets(ctx, peer, name, acc)
	if err != nil {
		return err
	}
	for _, b := range budgets {
		rec, ends, err := a.rec.guesses.Get(ctx, b.id)
		switch {
		case gone(err):
		case err != nil:
			return storeFailed(err)
		case rec.Count >= b.most:
			return throttled(ends.Sub(a.now()))
		}
	}
	return nil
}

func throttled(wait time.Duration) error {
	return &Error{
		Code: Throttled, Reason: "too many wrong passwords; try again later, or use a key or token",
		RetryAfter: min(max(wait, time.Second), 300*time.Second),
	}
}

// errSpent ends take's swap without a write.
var errSpent = errors.New("guess budget spent")

// take counts one guess; wait > 0 says that the budget is spent for so long.
func (a *Authority) take(ctx context.Context, id string, most int) (wait time.Duration, err error) {
	return a.takeWithin(ctx, id, most, guessWindow)
}

// takeWithin is take for a budget of another window.
func (a *Authority) takeWithin(ctx context.Context, id string, most int, window time.Duration) (wait time.Duration, err error) {
	now := a.now()
	_, err = a.rec.guesses.Upsert(ctx, id, func(r *guessRecord, expires *time.Time) error {
		if expires.IsZero() {
			*expires = now.Add(window)
		}
		if r.Count >= most {
			wait = max(expires.Sub(now), time.Second)
			return errSpent
		}
		r.Count++
		return nil
	})
	if errors.Is(err, errSpent) {
		return wait, nil
	}
	return 0, storeFailed(err)
}

// refund gives the guess back: the password was right, or was never tried. A
// refund that is lost costs one guess of the window, no more.
func (p payment) refund(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeDeadline)
	defer cancel()
	for _, id := range p.budgets {
		_, err := p.a.rec.guesses.Update(ctx, id, func(r *guessRecord, _ *time.Time) error {
			r.Count = max(r.Count-1, 0)
			return nil
		})
		if err != nil && !gone(err) {
			p.a.c.Log.Warn("a guess could not be given back", "error", err)
		}
	}
}

// sourceOf names the source within the process.
func sourceOf(peer Peer) string {
	b := limit.Source(peer.Addr).Addr().As16()
	return string(b[:])
}

// sourceID is a keyed hash of the source, so that the store tells nobody who
// came from where.
func (a *Authority) sourceID(peer Peer) string {
	return a.ring().LookupID(lookupPlace, limit.Source(peer.Addr).String())
}

func (a *Authority) knownPlace(ctx context.Context, name string, acc *account, source string) (bool, error) {
	rec, _, err := a.rec.places.Get(ctx, name)
	if gone(err) || err == nil && acc == nil {
		return false, nil
	} else if err != nil {
		return false, storeFailed(err)
	}
	last, ok := rec.Last[source]
	return ok && rec.UID == acc.UID && a.now().Sub(time.Unix(last, 0)) < placeLife, nil
}

// remember notes that the user signed in from here.
func (a *Authority) remember(ctx context.Context, name string, acc *account, peer Peer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeDeadline)
	defer cancel()
	now, source := a.now(), a.sourceID(peer)
	_, err := a.rec.places.Upsert(ctx, name, func(r *placeRecord, expires *time.Time) error {
		if r.UID != acc.UID {
			*r = placeRecord{UID: acc.UID}
		}
		if now.Sub(time.Unix(r.Last[source], 0)) < placeFresh {
			return keystore.ErrSkip
		}
		if r.Last == nil {
			r.Last = make(map[string]int64)
		}
		r.Last[source] = now.Unix()
		for len(r.Last) > maxPlaces {
			oldest := source
			for s, at := range r.Last {
				if at < r.Last[oldest] {
					oldest = s
				}
			}
			delete(r.Last, oldest)
		}
		*expires = now.Add(placeLife)
		return nil
	})
	if err != nil {
		a.c.Log.Warn("the place of a sign-in could not be noted", "error", err)
	}
}

// clearGuesses forgets what was guessed at name, from everywhere.
func (a *Authority) clearGuesses(ctx context.Context, name string) error {
	ids := []string{"account/" + name, "places/" + name}
	rec, _, err := a.rec.places.Get(ctx, name)
	if err != nil && !gone(err) {
		return storeFailed(err)
	}
	for source := range rec.Last {
		ids = append(ids, "place/"+name+"/"+source)
	}
	for _, id := range ids {
		if err := a.rec.guesses.Delete(ctx, id); err != nil && !gone(err) {
			return storeFailed(err)
		}
	}
	return nil
}
