package web

import (
	"net/http"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// userPage is one account as administrators see it.
type userPage struct {
	frame
	Name   string
	Own    bool // the administrator's own account
	Badges []badge
	Facts  []userFact
	Edit   string // where the account is edited
	Acts   []userLink
	Key    *keyRow // nil: there is no API key
	Lists  []holdings
}

// userFact is one thing that is known about an account.
type userFact struct {
	Name, Text string
	At         moment // instead of Text
}

// userLink leads to something that can be done.
type userLink struct {
	Text, Path string
	Danger     bool
}

// keyRow is a user's API key, which is shown to its owner alone.
type keyRow struct {
	Made   moment
	Use    use
	Revoke string
}

// userOf is the account that a path names.
func (p *Pages) userOf(r *http.Request, who auth.Identity) (auth.User, error) {
	name, err := auth.CanonicalName(r.PathValue("user"))
	if err != nil {
		return auth.User{}, &auth.Error{Code: auth.NotFound, Reason: "there is no such user"}
	}
	return p.auth.Users.Get(r.Context(), who, name)
}

// ShowUser is GET /ui/admin/users/{user}.
func (p *Pages) ShowUser(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	user, err := p.userOf(r, who)
	if err != nil {
		return err
	}
	page := userPage{
		frame: p.admin(user.Name, r, who, "Users"), Name: user.Name, Own: user.Name == who.User,
		Badges: badgesOf(user), Facts: p.factsOf(user), Edit: userActPath(user.Name, "edit"), Acts: actsOn(user, who),
	}
	used, err := p.auth.Users.Throttled(r.Context(), who, user.Name)
	if err != nil {
		return err
	}
	if len(used) > 0 {
		page.Badges = append(page.Badges, badge{"too many wrong passwords", "warn"})
	}
	if !page.Own {
		if page.Key, page.Lists, err = p.has(r, who, user.Name, page.Lock.Open); err != nil {
			return err
		}
	}
	return p.write(w, http.StatusOK, "user", page)
}

// factsOf is what is known about an account.
func (p *Pages) factsOf(user auth.User) []userFact {
	facts := []userFact{
		{Name: "Realm", Text: p.realmOf(user)},
		{Name: "Display name", Text: user.DisplayName},
		{Name: "E-mail address", Text: user.Email},
		{Name: "Groups", Text: strings.Join(user.Groups, ", ")},
	}
	if user.Kind == auth.Person {
		facts = append(facts, userFact{Name: "Password", Text: passwordWords(user)})
		if !user.MayUpdateProfile {
			facts = append(facts, userFact{Name: "Profile", Text: "kept by the administrators"})
		}
		if user.PagesDisabled {
			facts = append(facts, userFact{Name: "Browser", Text: "no sign-in"})
		}
		last := userFact{Name: "Last sign-in", At: p.moment(user.LastSignIn)} // with a password
		if user.LastSignIn.IsZero() {
			last.Text = "not in the last 30 days"
		}
		if !user.InternalPasswordDisabled || !last.At.IsZero() {
			facts = append(facts, last)
		}
	}
	return append(facts, userFact{Name: "Made", At: p.moment(user.Created)}, userFact{Name: "Changed", At: p.moment(user.Updated)})
}

// localRealm is that of accounts which were made here.
const localRealm = "internal"

// realmOf is where an account comes from; empty: from here.
func (p *Pages) realmOf(user auth.User) string {
	if user.Realm == localRealm || user.Realm == "" {
		return "made here"
	}
	return "made at the first sign-in through " + p.titleOf(user.Realm)
}

func passwordWords(user auth.User) string {
	switch {
	case user.InternalPasswordDisabled:
		return "kept elsewhere"
	case user.PasswordExpired:
		return "expired: good for choosing another one only"
	}
	return "kept here"
}

// has is what an account holds: its API key and the beginnings of its lists.
func (p *Pages) has(r *http.Request, who auth.Identity, name string, open bool) (*keyRow, []holdings, error) {
	var key *keyRow
	found, err := p.auth.Keys.Get(r.Context(), who, name)
	switch {
	case err == nil:
		key = &keyRow{Made: p.moment(found.Created), Use: p.use(found.LastUsed), Revoke: userActPath(name, string(RevokeUserKey))}
	case auth.CodeOf(err) != auth.NotFound:
		return nil, nil, err
	}
	var lists []holdings
	for _, kind := range Holdings {
		rows, err := p.held(r, who, name, kind)
		if err != nil {
			return nil, nil, err
		}
		list := holdings{Open: open, Kind: string(kind), Title: holdingKinds[kind].title, None: holdingKinds[kind].none, Rows: rows}
		if len(rows) > firstHeld {
			list.Rows, list.More, list.All = rows[:firstHeld], len(rows), userActPath(name, string(kind))
		}
		lists = append(lists, list)
	}
	return key, lists, nil
}
