package web

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/latchkey-io/latchkey/auth"
)

const (
	usersPath   = adminPath + "/users"
	newUserPath = usersPath + "/new"

	// Names in the query of lists.
	searchInQuery = "search"
	afterInQuery  = "after"

	groupsInRow = 3 // of a user, on the list of all
)

// Administration is GET /ui/admin.
func (p *Pages) Administration(w http.ResponseWriter, _ *http.Request, _ auth.Identity) error {
	return p.goTo(w, usersPath)
}

// usersPage is the list of all accounts.
type usersPage struct {
	frame
	Search search
	Users  []userRow
	First  string // the page that the list begins with; empty: this is it
	Next   string // the page after this one; empty: there is none
}

// userRow is one account on the list.
type userRow struct {
	Name, Path, DisplayName, Email string
	Groups                         string
	Badges                         []badge
}

// search is the box above a list that is searched by name.
type search struct{ Path, Name string } // the list; what was searched for

// ListUsers is GET /ui/admin/users?search=…&after=….
func (p *Pages) ListUsers(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	query := r.URL.Query()
	part := query.Get(searchInQuery)
	found, next, err := p.auth.Users.List(r.Context(), who, auth.Query{Search: part, After: query.Get(afterInQuery), Limit: perPage})
	if err != nil {
		return err
	}
	page := usersPage{frame: p.admin("Users", r, who, "Users"), Search: search{usersPath, part}, Users: make([]userRow, len(found))}
	for i, u := range found {
		page.Users[i] = userRow{
			Name: u.Name, Path: userPath(u.Name), DisplayName: u.DisplayName, Email: u.Email,
			Groups: someOf(u.Groups, groupsInRow), Badges: p.listed(u),
		}
	}
	if query.Get(afterInQuery) != "" {
		page.First = usersAt(part, "")
	}
	if next != "" {
		page.Next = usersAt(part, next)
	}
	return p.write(w, http.StatusOK, "users", page)
}

// usersAt is the address of a page of the list.
func usersAt(part, after string) string {
	query := url.Values{}
	if part != "" {
		query.Set(searchInQuery, part)
	}
	if after != "" {
		query.Set(afterInQuery, after)
	}
	return withQuery(usersPath, query)
}

// userPath is the address of a user's page. The slash tells the user "new"
// from the page that adds one.
func userPath(name string) string {
	path := usersPath + "/" + url.PathEscape(name)
	if path == newUserPath {
		path += "/"
	}
	return path
}

// userActPath is the address of something that is done to a user.
func userActPath(name, act string) string {
	return usersPath + "/" + url.PathEscape(name) + "/" + act
}

// badgesOf are the states of an account, the gravest first.
func badgesOf(u auth.User) []badge {
	var badges []badge
	if !u.Enabled {
		badges = append(badges, badge{"disabled", "warn"})
	}
	if u.PasswordExpired {
		badges = append(badges, badge{"password expired", "warn"})
	}
	if u.Admin {
		badges = append(badges, badge{"administrator", "good"})
	}
	if u.Kind == auth.ServiceUser {
		badges = append(badges, badge{"service", ""})
	}
	return badges
}

// listed are badgesOf and, of an account that a provider made, which.
func (p *Pages) listed(u auth.User) []badge {
	badges := badgesOf(u)
	if u.Realm != localRealm && u.Realm != "" {
		badges = append(badges, badge{p.titleOf(u.Realm), ""})
	}
	return badges
}

// someOf lists the first names, and how many there are more.
func someOf(names []string, most int) string {
	words, more := "", 0
	for i, name := range names {
		switch {
		case i >= most:
			more++
		case i > 0:
			words += ", " + name
		default:
			words = name
		}
	}
	if more > 0 {
		words += " and " + strconv.Itoa(more) + " more"
	}
	return words
}
