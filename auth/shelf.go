package auth

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// A shelf keeps one kind of credential of which a user has many: the records,
// by id, that work or did, and for each owner a list of ids, newest last. The list
// only shows; it is written before the record and tidied after it, so a crash
// between the two leaves an id that stands for nothing.
type shelf[T bonded] struct {
	a       *Authority
	kind    Kind
	records keystore.Table[T]
	lists   keystore.Table[idList]
	most    int // ids on one list

	// renewable reports that a record which has expired can still be renewed,
	// and so belongs on the list; nil: none can.
	renewable func(context.Context, *view, T) (bool, error)
}

func newShelf[T bonded](a *Authority, kind Kind, records keystore.Table[T], lists string, most int) shelf[T] {
	return shelf[T]{a: a, kind: kind, records: records, lists: keystore.NewTable[idList](a.rec.store, lists), most: most}
}

// idList is one owner's list.
type idList struct {
	IDs []string `json:"ids"`
}

// bonded is a record with a bond.
type bonded interface{ tie() bond }

func (b bond) tie() bond { return b }

// shelved is a record found on a list. why tells what keeps it from working,
// and is empty for a live one.
type shelved[T any] struct {
	id  string
	rec T
	why string
}

// maxTidied bounds how many records one call ends on its way.
const maxTidied = 100

var errListFull = errors.New("the list is full")

func (s shelf[T]) ids(ctx context.Context, owner string) ([]string, error) {
	l, _, err := s.lists.Get(ctx, owner)
	if gone(err) {
		return nil, nil
	}
	return l.IDs, storeFailed(err)
}

// list puts id on owner's list unless it is there, or returns errListFull.
func (s shelf[T]) list(ctx context.Context, owner, id string) error {
	_, err := s.lists.Upsert(ctx, owner, func(l *idList, _ *time.Time) error {
		if slices.Contains(l.IDs, id) {
			return keystore.ErrSkip
		}
		if len(l.IDs) >= s.most {
			return errListFull
		}
		l.IDs = append(l.IDs, id)
		return nil
	})
	if errors.Is(err, errListFull) {
		return err
	}
	return storeFailed(err)
}

func (s shelf[T]) unlist(ctx context.Context, owner string, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := s.lists.Update(ctx, owner, func(l *idList, _ *time.Time) error {
		before := len(l.IDs)
		l.IDs = slices.DeleteFunc(l.IDs, func(id string) bool { return slices.Contains(ids, id) })
		if len(l.IDs) == before {
			return keystore.ErrSkip
		}
		return nil
	})
	if gone(err) {
		return nil
	}
	return storeFailed(err)
}

// all reads what owner's list names, newest last, and takes off the list what
// stands for nothing any more. Whoever makes a record lists it once more
// afterwards, because its id may have been taken off here in between.
func (s shelf[T]) all(ctx context.Context, owner string) ([]shelved[T], error) {
	ids, err := s.ids(ctx, owner)
	if err != nil {
		return nil, err
	}
	v := &view{a: s.a}
	acc, err := v.account(ctx, owner)
	if err != nil {
		return nil, err
	}
	if acc != nil && (s.kind == KindSSHKey || s.kind == KindBinding) {
		acc.Disabled = false // silent, not gone
	}
	var found []shelved[T]
	var nothing []string
	for _, id := range ids {
		rec, err := look(ctx, v, s.records, id)
		if gone(err) || err == nil && rec.tie().User != owner {
			nothing = append(nothing, id)
			continue
		} else if err != nil {
			return nil, storeFailed(err)
		}
		why, err := v.live(ctx, s.kind, rec.tie(), acc)
		if err == nil && why == whyExpired && s.renewable != nil {
			var still bool
			if still, err = s.renewable(ctx, v, rec); still {
				why = ""
			}
		}
		if err != nil {
			return nil, err
		}
		found = append(found, shelved[T]{id, rec, why})
	}
	return found, s.unlist(ctx, owner, nothing...)
}

// live is all without what has ended.
func (s shelf[T]) live(ctx context.Context, owner string) ([]shelved[T], error) {
	found, err := s.all(ctx, owner)
	return slices.DeleteFunc(found, func(f shelved[T]) bool { return f.why != "" }), err
}

// tidy makes room on a full list: it ends for good what works no more, some
// at a time. What has ended does not come back to life.
func (s shelf[T]) tidy(ctx context.Context, owner string, end func(context.Context, string, T) error) error {
	found, err := s.all(ctx, owner)
	if err != nil {
		return err
	}
	var dead []string
	for _, f := range found {
		if f.why == "" || len(dead) == maxTidied {
			continue
		}
		if err := end(ctx, f.id, f.rec); err != nil {
			return err
		}
		dead = append(dead, f.id)
	}
	return s.unlist(ctx, owner, dead...)
}

// remove ends the record id; it is nothing to remove one that is gone.
func (s shelf[T]) remove(ctx context.Context, id string, _ T) error {
	if err := s.records.Delete(ctx, id); err != nil && !gone(err) {
		return storeFailed(err)
	}
	return nil
}

// sweep ends everything on owner's list, then the list.
func (s shelf[T]) sweep(ctx context.Context, owner string, end func(context.Context, string, T) error) error {
	ids, err := s.ids(ctx, owner)
	if err != nil {
		return err
	}
	for _, id := range ids {
		rec, _, err := s.records.Get(ctx, id)
		if err == nil && rec.tie().User == owner {
			err = end(ctx, id, rec)
		}
		if err != nil && !gone(err) {
			return storeFailed(err)
		}
	}
	if err := s.lists.Delete(ctx, owner); err != nil && !gone(err) {
		return storeFailed(err)
	}
	return nil
}
