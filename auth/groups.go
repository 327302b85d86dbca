package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// Groups keeps the groups that users are in and routes name.
type Groups struct{ a *Authority }

// Group is a named set of users.
type Group struct {
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Created     time.Time `json:"created"`
}

type groupRecord struct {
	Description string    `json:"description,omitempty"`
	Created     time.Time `json:"created"`
}

const (
	maxGroups      = 10_000
	maxDescription = 1024 // bytes
	allGroupsID    = "all"
)

// Create makes a group. Errors: Invalid, Exists.
func (g *Groups) Create(ctx context.Context, who Identity, name, description string) (_ Group, err error) {
	defer func() { g.a.Trail.acted(who, actGroupChange, name, err) }()
	if err := g.a.may(ctx, who, actGroupChange, ""); err != nil {
		return Group{}, err
	}
	if !validGroupName(name) {
		return Group{}, invalid("name", "a group name has 1 to %d printable characters, none of , \" / : *", MaxGroupName)
	}
	if err := checkDescription(description); err != nil {
		return Group{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	_, err = g.a.rec.groupSet.Upsert(ctx, allGroupsID, func(l *nameList, _ *time.Time) error {
		if len(l.Names) >= maxGroups {
			return invalid("name", "there are %d groups already, which is the most", maxGroups)
		}
		if !insert(&l.Names, name) {
			return keystore.ErrSkip
		}
		return nil
	})
	if err != nil {
		return Group{}, storeFailed(err)
	}
	rec := groupRecord{Description: description, Created: g.a.now().UTC()}
	err = g.a.rec.groups.Create(ctx, name, rec, time.Time{})
	if errors.Is(err, keystore.ErrExists) {
		return Group{}, &Error{Code: Exists, Field: "name", Reason: fmt.Sprintf("there is a group %q already", name)}
	}
	return Group{name, rec.Description, rec.Created}, storeFailed(err)
}

func checkDescription(s string) error {
	if len(s) > maxDescription {
		return invalid("description", "a description has at most %d bytes", maxDescription)
	}
	for _, r := range s {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == '\ufffd' {
			return invalid("description", "a description carries no control characters")
		}
	}
	return nil
}

// Get shows a group.
func (g *Groups) Get(ctx context.Context, who Identity, name string) (Group, error) {
	if err := g.a.may(ctx, who, actGroupShow, ""); err != nil {
		return Group{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	rec, _, err := g.a.rec.groups.Get(ctx, name)
	if gone(err) {
		return Group{}, notFound("group")
	}
	return Group{name, rec.Description, rec.Created}, storeFailed(err)
}

// List shows all groups, by name.
func (g *Groups) List(ctx context.Context, who Identity) ([]Group, error) {
	if err := g.a.may(ctx, who, actGroupShow, ""); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	l, _, err := g.a.rec.groupSet.Get(ctx, allGroupsID)
	if err != nil && !gone(err) {
		return nil, storeFailed(err)
	}
	groups := []Group{}
	for _, name := range l.Names {
		rec, _, err := g.a.rec.groups.Get(ctx, name)
		if gone(err) {
			continue
		} else if err != nil {
			return nil, storeFailed(err)
		}
		groups = append(groups, Group{name, rec.Description, rec.Created})
	}
	return groups, nil
}

// Update alters a group's description.
func (g *Groups) Update(ctx context.Context, who Identity, name, description string) (_ Group, err error) {
	defer func() { g.a.Trail.acted(who, actGroupChange, name, err) }()
	if err := g.a.may(ctx, who, actGroupChange, ""); err != nil {
		return Group{}, err
	}
	if err := checkDescription(description); err != nil {
		return Group{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	rec, err := g.a.rec.groups.Update(ctx, name, func(r *groupRecord, _ *time.Time) error {
		r.Description = description
		return nil
	})
	if gone(err) {
		return Group{}, notFound("group")
	}
	return Group{name, rec.Description, rec.Created}, storeFailed(err)
}

// Delete takes the group from every member and then removes it; it may be
// repeated where it was cut off.
func (g *Groups) Delete(ctx context.Context, who Identity, name string) (err error) {
	defer func() { g.a.Trail.acted(who, actGroupDelete, name, err) }()
	if err := g.a.may(ctx, who, actGroupDelete, ""); err != nil {
		return err
	}
	// The record goes first, so that nobody new gets in meanwhile.
	read, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	err = g.a.rec.groups.Delete(read, name)
	if err != nil && !gone(err) {
		return storeFailed(err)
	}
	existed := err == nil
	names, err := g.a.Users.names(read)
	if err != nil {
		return err
	}
	for _, user := range names {
		each, cancel := context.WithTimeout(ctx, storeDeadline)
		_, err := g.a.rec.accounts.Update(each, user, func(acc *account, _ *time.Time) error {
			if !acc.leave(name) {
				return keystore.ErrSkip
			}
			acc.Updated = g.a.now().UTC()
			return nil
		})
		cancel()
		if err != nil && !gone(err) {
			return storeFailed(err)
		}
	}
	last, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	_, err = g.a.rec.groupSet.Update(last, allGroupsID, func(l *nameList, _ *time.Time) error {
		if !remove(&l.Names, name) {
			return keystore.ErrSkip
		}
		return nil
	})
	if err != nil && !gone(err) {
		return storeFailed(err)
	}
	if !existed {
		return notFound("group")
	}
	return nil
}
