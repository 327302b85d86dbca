package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// accountsPath is where people link the accounts that they have elsewhere.
const accountsPath = profilePath + "/accounts"

// accountLinked names the notice of an account that was just linked. Browsers
// take the whole way from the provider for a link of another site, so such a
// link may say it, where it is so.
const (
	accountLinked = "account-linked"
	justNow       = time.Minute
)

// accountsPage is where accounts elsewhere are linked that sign the person in
// here.
type accountsPage struct {
	frame
	Problem string
	Fixed   bool // the person may unlink what there is, and nothing else
	Known   []accountPart
	Gone    []linkedAccount // of providers that are not here any more

	justLinked bool // one of them
}

// accountPart is one provider.
type accountPart struct {
	Name, Title string
	Start       string          // where linking begins
	Linked      []linkedAccount // empty: none is
}

// linkedAccount is an account elsewhere that signs the person in.
type linkedAccount struct {
	ID, Title string // Title is the provider's
	Login     string // as it is called there
	Email     string // as told there
	Since     moment
	Use       use
	Here      bool   // this session was begun through it
	Unlink    string // address
}

// ShowAccounts is GET /ui/profile/accounts.
func (p *Pages) ShowAccounts(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	page, err := p.accountsOf(r, who)
	if err != nil {
		return err
	}
	if page.justLinked && r.URL.Query().Get(doneInQuery) == accountLinked {
		page.Notice = notices[accountLinked] // it says so truly, whoever led here
	}
	return p.write(w, http.StatusOK, "accounts", page)
}

func (p *Pages) accountsOf(r *http.Request, who auth.Identity) (accountsPage, error) {
	user, err := p.auth.Users.Get(r.Context(), who, who.User)
	if err != nil {
		return accountsPage{}, err
	}
	bound, err := p.auth.Bindings.List(r.Context(), who, who.User)
	if err != nil {
		return accountsPage{}, err
	}
	page := accountsPage{frame: p.profile("Linked accounts", r, who, "Linked accounts"), Fixed: profileKept(user, who)}
	for _, provider := range p.providers() {
		page.Known = append(page.Known, accountPart{Name: provider.Name, Title: provider.Title, Start: startPath(provider.Name)})
	}
	for _, b := range bound {
		page.justLinked = page.justLinked || p.now().Sub(b.Created) < justNow
		i := slices.IndexFunc(page.Known, func(part accountPart) bool { return part.Name == b.Provider })
		if i < 0 || b.Dormant {
			page.Gone = append(page.Gone, p.linkedAccount(b, who))
			continue
		}
		page.Known[i].Linked = append(page.Known[i].Linked, p.linkedAccount(b, who))
	}
	return page, nil
}

func (p *Pages) linkedAccount(b auth.Binding, who auth.Identity) linkedAccount {
	return linkedAccount{
		ID: b.ID, Title: p.titleOf(b.Provider), Login: cmp.Or(b.Login, b.Email, b.Subject), Email: b.Email,
		Since: p.moment(b.Created), Use: p.use(b.LastUsed), Here: who.Provider != "" && who.Provider == b.Provider,
		Unlink: unlinkAt(b.ID),
	}
}

// refusedAccounts is the list with what was refused above it.
func (p *Pages) refusedAccounts(w http.ResponseWriter, r *http.Request, who auth.Identity, err error) error {
	pr, ok := p.problemAbove(w, err)
	if !ok {
		return err
	}
	page, also := p.accountsOf(r, lockedBy(who, err))
	if also != nil {
		return also
	}
	page.Lock.Next, page.Problem = accountsPath, pr.Text
	return p.write(w, pr.status, "accounts", page)
}

// unlinkAt is the address of the page that asks before an account is unlinked.
func unlinkAt(id string) string { return accountsPath + "/" + url.PathEscape(id) + "/unlink" }

// bound is the linked account that the address names; ok is false where there
// is none any more.
func (p *Pages) bound(r *http.Request, who auth.Identity) (b auth.Binding, ok bool, err error) {
	all, err := p.auth.Bindings.List(r.Context(), who, who.User)
	if err != nil {
		return auth.Binding{}, false, err
	}
	i := slices.IndexFunc(all, func(b auth.Binding) bool { return b.ID == r.PathValue("id") })
	if i < 0 {
		return auth.Binding{}, false, nil
	}
	return all[i], true, nil
}

func (p *Pages) unlinking(r *http.Request, who auth.Identity, b auth.Binding) confirmPage {
	l := p.linkedAccount(b, who)
	page := confirmPage{
		frame: p.profile("Unlink your account at "+l.Title+"?", r, who, "Linked accounts"),
		Said:  []string{"It does not sign you in here any more, until you link it again. Browsers that signed in through it are signed out. The account at " + l.Title + " itself stays as it is."},
		Facts: []fact{{"Called there", l.Login}, {"Linked", l.Since.Words}, {"Last used", p.lastUse(b.LastUsed)}},
		Form:  form{Action: l.Unlink, Button: "Unlink", Danger: true, Cancel: accountsPath},
	}
	if l.Here {
		page.Said = append(page.Said, "You signed in through it now, so you are signed out here as well. Make sure that you have another way in.")
	}
	return page
}

// AskUnlink is GET /ui/profile/accounts/{id}/unlink.
func (p *Pages) AskUnlink(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	b, ok, err := p.bound(r, who)
	if err != nil {
		return err
	}
	if !ok {
		return p.done(w, accountsPath, "account-gone")
	}
	return p.confirm(w, http.StatusOK, p.unlinking(r, who, b))
}

// Unlink is POST /ui/profile/accounts/{id}/unlink.
func (p *Pages) Unlink(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := readForm(w, r); err != nil {
		return err
	}
	b, ok, err := p.bound(r, who)
	if err != nil {
		return err
	}
	if ok {
		err = p.auth.Bindings.Delete(r.Context(), who, b.ID)
	}
	switch {
	case !ok, auth.CodeOf(err) == auth.NotFound:
		return p.done(w, accountsPath, "account-gone")
	case err != nil:
		return p.refusedConfirm(w, who, p.unlinking(r, who, b), err, nil)
	case who.Provider != "" && who.Provider == b.Provider:
		return p.done(w, LoginPath, "account-unlinked") // this session has ended with it
	}
	return p.done(w, accountsPath, "account-unlinked")
}
