package auth

import (
	"context"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// Query selects a page of a list.
type Query struct {
	Search string // part of the name
	After  string // the last name of the page before
	Limit  int    // 0: 100, at most 1000
}

const (
	userShards   = 64
	maxPage      = 1000
	defaultPage  = 100
	maxUserNames = 64 << 10 // names in one shard of the index
	maxGroupsOf  = 200      // groups of one user
)

func shardOf(name string) string {
	h := fnv.New32a()
	h.Write([]byte(name))
	return strconv.Itoa(int(h.Sum32() % userShards))
}

// list puts name into the index.
func (u *Users) list(ctx context.Context, name string) error {
	_, err := u.a.rec.index.Upsert(ctx, shardOf(name), func(l *nameList, _ *time.Time) error {
		if len(l.Names) >= maxUserNames {
			return invalid("name", "there is no room for another user")
		}
		if !insert(&l.Names, name) {
			return keystore.ErrSkip
		}
		return nil
	})
	return storeFailed(err)
}

// List shows a page of all accounts, by name; next is the cursor of the page
// after it, empty at the end. For administrators.
func (u *Users) List(ctx context.Context, who Identity, q Query) (users []User, next string, err error) {
	if err := u.a.may(ctx, who, actUserList, ""); err != nil {
		return nil, "", err
	}
	if q.Limit <= 0 {
		q.Limit = defaultPage
	}
	q.Limit = min(q.Limit, maxPage)
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	names, err := u.names(ctx)
	if err != nil {
		return nil, "", err
	}
	for _, name := range names {
		if name <= q.After || !strings.Contains(name, strings.ToLower(q.Search)) {
			continue
		}
		if len(users) == q.Limit {
			return users, users[len(users)-1].Name, nil
		}
		acc, _, err := u.a.rec.accounts.Get(ctx, name)
		if gone(err) { // a listing whose account was never made, or is just going
			continue
		} else if err != nil {
			return nil, "", storeFailed(err)
		}
		u.a.lapse(&acc)
		users = append(users, acc.user(name))
	}
	return users, "", nil
}

// names reads the whole index, sorted.
func (u *Users) names(ctx context.Context) ([]string, error) {
	var all []string
	for i := range userShards {
		l, _, err := u.a.rec.index.Get(ctx, strconv.Itoa(i))
		if err != nil && !gone(err) {
			return nil, storeFailed(err)
		}
		all = append(all, l.Names...)
	}
	slices.Sort(all)
	return all, nil
}

// exist is NotFound for the first name that is nobody's.
func (u *Users) exist(ctx context.Context, names []string) error {
	for _, name := range names {
		if _, _, err := u.a.rec.accounts.Get(ctx, name); gone(err) {
			return notFound("user " + name)
		} else if err != nil {
			return storeFailed(err)
		}
	}
	return nil
}
