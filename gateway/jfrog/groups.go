package jfrog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/latchkey-io/latchkey/auth"
)

// Where the groups lie, below the public URL.
const (
	groupsV1 = "/artifactory/api/security/groups/"
	groupsV2 = "/access/api/v2/groups/"
)

// groupFields is what a body says of a group, in either version of the API.
// Nil is absent.
type groupFields struct {
	name, description *string
	members           *[]string

	membersKey string // as the body spells it

	// Said back by clients that read them here.
	realm, realmAttributes, externalID, uri *string

	grants []flag
}

// about checks what the body says of the group's identity: the name, where it
// is given, is the path's, and what cannot be set here says what is so.
func (f *groupFields) about(name, uri string) error {
	if err := allOff(f.grants); err != nil {
		return err
	}
	switch {
	case f.name != nil && *f.name != name:
		return invalid("name", "name must be the name in the path; a group is not renamed")
	case f.realm != nil && *f.realm != "" && *f.realm != realmInternal:
		return invalid("realm", "the realm of a group is not set here; leave it out")
	case f.realmAttributes != nil && *f.realmAttributes != "":
		return invalid("realm_attributes", "a group has no realm attributes here; leave them out")
	case f.externalID != nil && *f.externalID != "":
		return invalid("external_id", "a group has no external id here; leave it out")
	case f.uri != nil && *f.uri != "" && *f.uri != uri:
		return invalid("uri", "the uri of a group is not set here; leave it out")
	}
	return nil
}

// named is who the body says is in the group.
func (a *API) named(ctx context.Context, who auth.Identity, in *groupFields) ([]string, error) {
	if in.members == nil {
		return nil, nil
	}
	return a.people(ctx, who, in.membersKey, *in.members)
}

// people checks that names are users, before anything is changed.
func (a *API) people(ctx context.Context, who auth.Identity, key string, names []string) ([]string, error) {
	if len(names) > maxNames {
		return nil, invalid(key, fmt.Sprintf("%s names more than %d users", key, maxNames))
	}
	out := make([]string, 0, len(names))
	for _, typed := range names {
		name, err := auth.CanonicalName(typed)
		if err != nil {
			return nil, invalid(key, key+" has a name that cannot be a user's")
		}
		// Who may not look is refused, and noted in the trail, further down.
		switch _, err := a.auth.Users.Get(ctx, who, name); auth.CodeOf(err) {
		case "", auth.Forbidden:
			out = append(out, name)
		case auth.NotFound:
			return nil, invalid(key, key+": there is no user "+name)
		default:
			return nil, err
		}
	}
	return out, nil
}

// members are the users in a group, by name.
func (a *API) members(ctx context.Context, who auth.Identity, group string) ([]string, error) {
	names := []string{}
	err := a.everyUser(ctx, who, func(u auth.User) {
		if slices.Contains(u.Groups, group) {
			names = append(names, u.Name)
		}
	})
	return names, err
}

// enlist puts users into a group.
func (a *API) enlist(ctx context.Context, who auth.Identity, group string, names []string) error {
	for _, name := range names {
		if _, err := a.auth.Users.Update(ctx, who, name, auth.UserChange{Join: []string{group}}); err != nil {
			return err
		}
	}
	return nil
}

// release takes users out of a group.
func (a *API) release(ctx context.Context, who auth.Identity, group string, names []string) error {
	for _, name := range names {
		if _, err := a.auth.Users.Update(ctx, who, name, auth.UserChange{Leave: []string{group}}); err != nil {
			return err
		}
	}
	return nil
}

// createGroup makes a group with its members, all of whom must exist.
func (a *API) createGroup(ctx context.Context, who auth.Identity, name string, in *groupFields) (auth.Group, error) {
	names, err := a.named(ctx, who, in)
	if err != nil {
		return auth.Group{}, err
	}
	var description string
	if in.description != nil {
		description = *in.description
	}
	g, err := a.auth.Groups.Create(ctx, who, name, description)
	if err != nil {
		return auth.Group{}, err
	}
	if err := a.enlist(ctx, who, name, names); err != nil {
		undo := a.auth.Groups.Delete(context.WithoutCancel(ctx), who, name)
		return auth.Group{}, errors.Join(err, undo)
	}
	return g, nil
}

// seenGroup is the group as it is. Whoever may not see it, or finds none, gets
// an empty one: the change that follows is then judged, and noted in the trail.
func (a *API) seenGroup(ctx context.Context, who auth.Identity, name string) (group auth.Group, there bool, err error) {
	group, err = a.auth.Groups.Get(ctx, who, name)
	switch auth.CodeOf(err) {
	case "":
		return group, true, nil
	case auth.Forbidden, auth.NotFound:
		return auth.Group{}, false, nil
	}
	return auth.Group{}, false, err
}

// describe changes the description of a group where one is given, asks for the
// right to do so where none is, and then changes who is in the group. Where
// that is refused, the description is the old one again.
func (a *API) describe(ctx context.Context, who auth.Identity, name string, description *string, members func() error) (auth.Group, error) {
	was, _, err := a.seenGroup(ctx, who, name)
	if err != nil {
		return auth.Group{}, err
	}
	if description == nil {
		description = &was.Description
	}
	g, err := a.auth.Groups.Update(ctx, who, name, *description)
	if err != nil {
		return auth.Group{}, err
	}
	if err := members(); err != nil {
		_, undo := a.auth.Groups.Update(context.WithoutCancel(ctx), who, name, was.Description)
		return auth.Group{}, errors.Join(err, undo)
	}
	return g, nil
}

// noMembers changes nobody's membership.
func noMembers() error { return nil }

// without is the names that are not in others.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(others, n) })
}
