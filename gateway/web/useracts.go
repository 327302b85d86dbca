package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// UserAct is something that administrators do to an account after a page has
// asked them once more. It is the name in the address.
type UserAct string

const (
	DisableUser      UserAct = "disable"
	EnableUser       UserAct = "enable"
	DeleteUser       UserAct = "delete"
	ClearUserGuesses UserAct = "clear-guesses"
	ExpirePassword   UserAct = "expire-password"
	UnexpirePassword UserAct = "unexpire-password"
	EndUserSessions  UserAct = "end-sessions"
	RevokeUserKey    UserAct = "revoke-api-key"

	// resetLink makes its own page (resetlink.go).
	resetLink UserAct = "reset-link"
)

// UserActs are all of them.
var UserActs = []UserAct{
	DisableUser, EnableUser, DeleteUser, ClearUserGuesses, ExpirePassword, UnexpirePassword, EndUserSessions, RevokeUserKey,
}

// userAct is what is said before an act, and how it is done.
type userAct struct {
	text   string // of the link and of the button
	title  string // with % for the name, which has none
	said   []string
	danger bool
	typed  bool // asks for the name to be typed
	after  string
	notice string
	do     func(a *auth.Authority) operation
}

// operation is one of auth on what a name or an id stands for.
type operation = func(ctx context.Context, who auth.Identity, nameOrID string) error

var userActs = map[UserAct]userAct{
	DisableUser: {
		text: "Disable", title: "Disable %?", danger: true, notice: "user-disabled",
		said: []string{
			"The user is signed out everywhere and cannot sign in any more. Sessions, tokens and the encrypted password end for good; the API key, SSH keys and linked accounts are silent until the user is enabled again.",
			"This takes effect within a second, everywhere.",
		},
		do: func(a *auth.Authority) operation { return a.Users.Disable },
	},
	EnableUser: {
		text: "Enable", title: "Enable %?", notice: "user-enabled",
		said: []string{"The user can sign in again, and the API key, SSH keys and linked accounts that are there work again. Sessions and tokens that have ended stay ended."},
		do:   func(a *auth.Authority) operation { return a.Users.Enable },
	},
	DeleteUser: {
		text: "Delete", title: "Delete %?", danger: true, typed: true, after: usersPath, notice: "user-deleted",
		said: []string{
			"The account goes for good, with its password, API key, tokens, SSH keys, sessions, linked accounts and upstream credentials: all of them stop working at once. What the user stored behind the routes stays there, and so does the audit trail.",
			"Nothing brings the account back. A user added later under the same name shares nothing with it. To keep somebody out for a while, disable the user instead.",
		},
		do: func(a *auth.Authority) operation { return a.Users.Delete },
	},
	ClearUserGuesses: {
		text: "Clear wrong guesses", title: "Clear the wrong guesses at %?", notice: "guesses-cleared",
		said: []string{"After too many wrong passwords, nobody may try more for ten minutes from places where this user has not signed in before. Clearing lets everybody try again at once, whoever guessed included. Keys, tokens and sessions were never held up."},
		do:   func(a *auth.Authority) operation { return a.Users.ClearGuesses },
	},
	ExpirePassword: {
		text: "Expire password", title: "Expire the password of %?", danger: true, notice: "password-expired",
		said: []string{"The password is good for choosing another one only: signing in and programs that use it are refused. Sessions, keys and tokens go on; end them separately where they must not."},
		do: func(a *auth.Authority) operation {
			return func(ctx context.Context, who auth.Identity, name string) error {
				return a.Passwords.Expire(ctx, who, name)
			}
		},
	},
	UnexpirePassword: {
		text: "Take back expiry", title: "Make the password of % good again?", notice: "password-unexpired",
		said: []string{"The password that has expired opens everything again that it opened before."},
		do: func(a *auth.Authority) operation {
			return func(ctx context.Context, who auth.Identity, name string) error {
				return a.Passwords.Unexpire(ctx, who, name)
			}
		},
	},
	EndUserSessions: {
		text: "End all sessions", title: "End all sessions of %?", danger: true, notice: "user-sessions-ended",
		said: []string{"The user is signed out in every browser at once. Keys and tokens go on."},
		do:   func(a *auth.Authority) operation { return a.Sessions.RevokeAll },
	},
	RevokeUserKey: {
		text: "Revoke", title: "Revoke the API key of %?", danger: true, notice: "key-revoked",
		said: []string{"It stops working at once, everywhere, and so does what was made with it. Every script and client that holds it is refused from then on. The user can generate another one."},
		do:   func(a *auth.Authority) operation { return a.Keys.Revoke },
	},
}

// actsOn are the acts that make sense for an account. What auth refuses for
// one's own is on the profile or not at all.
func actsOn(user auth.User, who auth.Identity) []userLink {
	var acts []UserAct
	own, person := user.Name == who.User, user.Kind == auth.Person
	if person && !own && user.Enabled && !user.InternalPasswordDisabled {
		acts = append(acts, resetLink)
	}
	if person {
		acts = append(acts, ClearUserGuesses)
	}
	if person && !own {
		if user.PasswordExpired {
			acts = append(acts, UnexpirePassword)
		} else if !user.InternalPasswordDisabled {
			acts = append(acts, ExpirePassword)
		}
		acts = append(acts, EndUserSessions)
	}
	switch {
	case own:
	case user.Enabled:
		acts = append(acts, DisableUser, DeleteUser)
	default:
		acts = append(acts, EnableUser, DeleteUser)
	}
	links := make([]userLink, len(acts))
	for i, act := range acts {
		links[i] = userLink{Text: userActs[act].text, Path: userActPath(user.Name, string(act)), Danger: act == DisableUser || act == DeleteUser}
		if act == resetLink {
			links[i].Text = "Make a reset link"
		}
	}
	return links
}

// AskUser makes the page GET /ui/admin/users/{user}/{act}.
func (p *Pages) AskUser(act UserAct) Handler {
	return func(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
		_, page, err := p.askUser(r, who, act)
		if err != nil {
			return err
		}
		return p.confirm(w, http.StatusOK, page)
	}
}

func (p *Pages) askUser(r *http.Request, who auth.Identity, act UserAct) (auth.User, confirmPage, error) {
	user, err := p.userOf(r, who)
	if err != nil {
		return auth.User{}, confirmPage{}, err
	}
	a := userActs[act]
	page := confirmPage{frame: p.admin(strings.ReplaceAll(a.title, "%", user.Name), r, who, "Users"), Said: a.said}
	page.Form = form{Action: userActPath(user.Name, string(act)), Button: a.text, Danger: a.danger, Cancel: userPath(user.Name)}
	if a.typed {
		page.Form.Fields = []field{{Name: nameField, Label: "Type “" + user.Name + "” to go on", Mono: true, Required: true, Max: auth.MaxName, Complete: "off"}}
	}
	if user.Name == who.User && (act == DisableUser || act == DeleteUser) {
		return user, page, &auth.Error{Code: auth.Forbidden, Reason: "administrators do not disable or delete themselves; ask another one"}
	}
	if page.Facts, err = p.stakes(r, who, user, act); err != nil {
		return user, page, err
	}
	return user, page, nil
}

// stakes is what an act would end.
func (p *Pages) stakes(r *http.Request, who auth.Identity, user auth.User, act UserAct) ([]fact, error) {
	ctx := r.Context()
	switch act {
	case RevokeUserKey:
		key, err := p.auth.Keys.Get(ctx, who, user.Name)
		if err != nil {
			return nil, err
		}
		return []fact{{"Made", p.moment(key.Created).Words}, {"Last used", p.lastUse(key.LastUsed)}}, nil
	case DisableUser, DeleteUser, EndUserSessions:
	default:
		return nil, nil
	}
	var facts []fact
	if act != EndUserSessions {
		words := "none"
		if _, err := p.auth.Keys.Get(ctx, who, user.Name); err == nil {
			words = "1"
		} else if auth.CodeOf(err) != auth.NotFound {
			return nil, err
		}
		facts = append(facts, fact{"API key", words})
	}
	for _, kind := range Holdings {
		if act == EndUserSessions && kind != HeldSessions || act == DisableUser && kind == HeldUpstreams {
			continue
		}
		rows, err := p.held(r, who, user.Name, kind)
		if err != nil {
			return nil, err
		}
		facts = append(facts, fact{holdingKinds[kind].title, countWords(len(rows))})
	}
	return facts, nil
}

// ActOnUser makes POST /ui/admin/users/{user}/{act}.
func (p *Pages) ActOnUser(act UserAct) Handler {
	return func(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
		user, page, err := p.askUser(r, who, act)
		if err != nil {
			return err
		}
		values, err := readForm(w, r, page.Form.names()...)
		if err != nil {
			return err
		}
		a := userActs[act]
		if err := p.actOnUser(r, who, a, user.Name, values); err != nil {
			return p.refusedConfirm(w, who, page, err, values)
		}
		if a.after != "" {
			return p.done(w, a.after, a.notice)
		}
		return p.done(w, userPath(user.Name), a.notice)
	}
}

func (p *Pages) actOnUser(r *http.Request, who auth.Identity, a userAct, name string, values url.Values) error {
	if a.typed && values.Get(nameField) != name {
		return invalid(nameField, "this is not the name; type it exactly to go on, or cancel")
	}
	return a.do(p.auth)(r.Context(), who, name)
}

// countWords is a number of things, in a list of facts.
func countWords(n int) string {
	if n == 0 {
		return "none"
	}
	return strconv.Itoa(n)
}
