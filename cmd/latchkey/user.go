package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

type userCommands struct {
	Create       userCreate       `cmd:"" help:"Create a user."`
	List         userList         `cmd:"" help:"List users."`
	Show         userShow         `cmd:"" help:"Show a user."`
	Update       userUpdate       `cmd:"" help:"Change a user, or set their password."`
	Disable      userDisable      `cmd:"" help:"Shut a user out: sessions and tokens end for good, keys rest."`
	Enable       userEnable       `cmd:"" help:"Let a disabled user in again."`
	Delete       userDelete       `cmd:"" help:"Delete a user and everything that opens a door for them."`
	ResetLink    userResetLink    `cmd:"" help:"Make a link with which a user chooses a new password, once, within 24 hours."`
	ClearGuesses userClearGuesses `cmd:"" help:"Forget wrong passwords, so that the user can try again now."`
}

type userCreate struct {
	Name        string   `arg:"" help:"Name: 1 to 64 of a-z 0-9 . _ - @ +."`
	Email       string   `help:"E-mail address; a person needs one." placeholder:"ADDRESS"`
	DisplayName string   `help:"Name for people to read." placeholder:"NAME"`
	Group       []string `help:"Group to be a member of; may be repeated." placeholder:"GROUP"`
	Admin       bool     `help:"Make the user an administrator."`
	Service     bool     `help:"A service account: no password, no pages."`
	newPassword
}

// userBody is what the API takes for a new user.
type userBody struct {
	Name        string   `json:"name"`
	Email       string   `json:"email,omitempty"`
	DisplayName string   `json:"display_name,omitempty"`
	Groups      []string `json:"groups,omitempty"`
	Admin       bool     `json:"admin,omitempty"`
	Kind        string   `json:"kind,omitempty"`
	Password    string   `json:"password,omitempty"`
}

func (u *userCreate) Run(ctx context.Context, c *console) error {
	body := userBody{Name: u.Name, Email: u.Email, DisplayName: u.DisplayName, Groups: u.Group, Admin: u.Admin}
	if u.Service {
		if u.PasswordStdin || u.PasswordFile != "" {
			return usagef("a service account has no password; give it an API key or a token")
		}
		body.Kind = string(auth.ServiceUser)
	} else if u.Email == "" {
		return usagef("a person needs an e-mail address: give --email, or --service for a service account")
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	if !u.Service {
		password, err := u.readOrAsk(c, u.Name)
		if err != nil {
			return err
		}
		body.Password = password.Reveal()
	}
	raw, err := client.call(ctx, http.MethodPost, "/users", body, nil)
	if err != nil {
		return err
	}
	return c.done(raw, "created %s", u.Name)
}

type userList struct {
	Search string `help:"Only names that contain this." placeholder:"TEXT"`
}

func (u *userList) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	query := url.Values{}
	if u.Search != "" {
		query.Set("search", u.Search)
	}
	users, err := list[auth.User](ctx, client, "/users", query)
	if err != nil {
		return err
	}
	return printList(c, users, "NAME EMAIL GROUPS ADMIN ENABLED KIND CREATED", func(u auth.User) []string {
		return []string{u.Name, u.Email, strings.Join(u.Groups, ","), yes(u.Admin), yes(u.Enabled), string(u.Kind), stamp(u.Created)}
	})
}

type userShow struct {
	Name string `arg:"" help:"The user; me is yourself."`
}

func (u *userShow) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var user auth.User
	raw, err := client.call(ctx, http.MethodGet, "/users/"+seg(u.Name), nil, &user)
	if err != nil {
		return err
	}
	return c.printFields(raw,
		field{"name", user.Name},
		field{"display name", user.DisplayName},
		field{"e-mail", user.Email},
		field{"groups", strings.Join(user.Groups, ", ")},
		field{"admin", yes(user.Admin)},
		field{"enabled", yes(user.Enabled)},
		field{"kind", string(user.Kind)},
		field{"realm", user.Realm},
		field{"may update profile", yes(user.MayUpdateProfile)},
		field{"password disabled", yes(user.InternalPasswordDisabled)},
		field{"created", stamp(user.Created)},
		field{"updated", stamp(user.Updated)},
	)
}

type userUpdate struct {
	Name             string    `arg:"" help:"The user."`
	Email            *string   `help:"New e-mail address." placeholder:"ADDRESS"`
	DisplayName      *string   `help:"New name for people to read." placeholder:"NAME"`
	Group            *[]string `help:"The groups to be a member of, instead of those of now; may be repeated." placeholder:"GROUP" xor:"groups"`
	NoGroups         bool      `help:"Take the user out of every group." xor:"groups"`
	Admin            *bool     `help:"Whether the user is an administrator." negatable:""`
	MayUpdateProfile *bool     `help:"Whether the user may change the profile." negatable:""`
	Password         *bool     `name:"password-sign-in" help:"Whether the password lets the user in." negatable:""`
	newPassword
}

// userChangeBody is what the API takes for a change; what is left out stays.
type userChangeBody struct {
	Email                    *string   `json:"email,omitempty"`
	DisplayName              *string   `json:"display_name,omitempty"`
	Groups                   *[]string `json:"groups,omitempty"`
	Admin                    *bool     `json:"admin,omitempty"`
	MayUpdateProfile         *bool     `json:"may_update_profile,omitempty"`
	InternalPasswordDisabled *bool     `json:"internal_password_disabled,omitempty"`
}

func (u *userUpdate) Run(ctx context.Context, c *console) error {
	body := userChangeBody{Email: u.Email, DisplayName: u.DisplayName, Groups: u.Group, Admin: u.Admin, MayUpdateProfile: u.MayUpdateProfile}
	if u.NoGroups {
		body.Groups = &[]string{}
	}
	if u.Password != nil {
		disabled := !*u.Password
		body.InternalPasswordDisabled = &disabled
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	password, err := u.read(c)
	if err != nil {
		return err
	}
	if body == (userChangeBody{}) && password.Empty() {
		return usagef("nothing to change: see latchkey user update --help")
	}
	var raw json.RawMessage
	if body != (userChangeBody{}) {
		if raw, err = client.call(ctx, http.MethodPatch, "/users/"+seg(u.Name), body, nil); err != nil {
			return err
		}
	}
	if !password.Empty() {
		change := struct {
			New string `json:"new"`
		}{password.Reveal()}
		if _, err := client.call(ctx, http.MethodPut, "/users/"+seg(u.Name)+"/password", change, nil); err != nil {
			return err
		}
	}
	return c.done(raw, "updated %s", u.Name)
}

type userDisable struct {
	Name string `arg:"" help:"The user."`
}

func (u *userDisable) Run(ctx context.Context, c *console) error {
	return c.act(ctx, http.MethodPost, "/users/"+seg(u.Name)+"/disable", "disabled %s", u.Name)
}

type userEnable struct {
	Name string `arg:"" help:"The user."`
}

func (u *userEnable) Run(ctx context.Context, c *console) error {
	return c.act(ctx, http.MethodPost, "/users/"+seg(u.Name)+"/enable", "enabled %s", u.Name)
}

type userDelete struct {
	Name string `arg:"" help:"The user."`
}

func (u *userDelete) Run(ctx context.Context, c *console) error {
	return c.act(ctx, http.MethodDelete, "/users/"+seg(u.Name), "deleted %s", u.Name)
}

type userResetLink struct {
	Name string `arg:"" help:"The user."`
}

func (u *userResetLink) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var link struct {
		URL     auth.Secret `json:"url"`
		Expires time.Time   `json:"expires"`
	}
	raw, err := client.call(ctx, http.MethodPost, "/users/"+seg(u.Name)+"/reset-link", nil, &link)
	if err != nil {
		return err
	}
	return c.handOver(raw, link.URL, "whoever opens this link chooses the password of %s, once, until %s; hand it to them alone", u.Name, stamp(link.Expires))
}

type userClearGuesses struct {
	Name string `arg:"" help:"The user."`
}

func (u *userClearGuesses) Run(ctx context.Context, c *console) error {
	return c.act(ctx, http.MethodPost, "/users/"+seg(u.Name)+"/clear-guesses", "%s may try again", u.Name)
}

// act makes a call that neither takes nor gives anything.
func (c *console) act(ctx context.Context, method, path, format string, args ...any) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	raw, err := client.call(ctx, method, path, nil, nil)
	if err != nil {
		return err
	}
	return c.done(raw, format, args...)
}
