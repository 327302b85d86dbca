package jfrog

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/strictjson"
)

// userBodyV2 is an account as access/api/v2/users has it; see userBodyV1.
type userBodyV2 struct {
	Username                 *string     `json:"username"`
	Email                    *string     `json:"email"`
	Password                 auth.Secret `json:"password"`
	Admin                    *bool       `json:"admin"`
	ProfileUpdatable         *bool       `json:"profile_updatable"`
	DisableUIAccess          *bool       `json:"disable_ui_access"`
	InternalPasswordDisabled *bool       `json:"internal_password_disabled"`
	Groups                   *[]string   `json:"groups"`

	URI            *string `json:"uri"`
	Realm          *string `json:"realm"`
	Status         *string `json:"status"`
	EffectiveAdmin *bool   `json:"effective_admin"`
	LastLoggedIn   *string `json:"last_logged_in"`

	ShouldInvite     *bool `json:"should_invite"`
	PolicyManager    *bool `json:"policy_manager"`
	PolicyViewer     *bool `json:"policy_viewer"`
	WatchManager     *bool `json:"watch_manager"`
	ReportsManager   *bool `json:"reports_manager"`
	ResourcesManager *bool `json:"resources_manager"`
	ManageWebhook    *bool `json:"manage_webhook"`
	PlatformAuditor  *bool `json:"platform_auditor"`
	ProjectAdmin     *bool `json:"project_admin"`
}

func readUserV2(w http.ResponseWriter, r *http.Request) (*userFields, error) {
	var in userBodyV2
	if err := readJSON(w, r, &in, strictjson.Options{AllowNull: true}); err != nil {
		return nil, err
	}
	return &userFields{
		name: in.Username, email: in.Email, password: in.Password,
		admin: in.Admin, updatable: in.ProfileUpdatable, noPages: in.DisableUIAccess, noPassword: in.InternalPasswordDisabled,
		groups: in.Groups, realm: in.Realm, status: in.Status, uri: in.URI, effectiveAdmin: in.EffectiveAdmin,
		nameKey: "username", noPasswordKey: "internal_password_disabled",
		grants: []flag{
			{"should_invite", in.ShouldInvite}, {"policy_manager", in.PolicyManager}, {"policy_viewer", in.PolicyViewer},
			{"watch_manager", in.WatchManager}, {"reports_manager", in.ReportsManager},
			{"resources_manager", in.ResourcesManager}, {"manage_webhook", in.ManageWebhook},
			{"platform_auditor", in.PlatformAuditor}, {"project_admin", in.ProjectAdmin},
		},
	}, nil
}

// userV2 is an account as it is answered.
type userV2 struct {
	Username                 string   `json:"username"`
	Email                    string   `json:"email"`
	Admin                    bool     `json:"admin"`
	EffectiveAdmin           bool     `json:"effective_admin"`
	ProfileUpdatable         bool     `json:"profile_updatable"`
	DisableUIAccess          bool     `json:"disable_ui_access"`
	InternalPasswordDisabled bool     `json:"internal_password_disabled"`
	LastLoggedIn             string   `json:"last_logged_in,omitempty"` // absent: not yet, or long ago
	Realm                    string   `json:"realm"`
	Groups                   []string `json:"groups"`
	Status                   string   `json:"status"`
}

func (a *API) writeUserV2(w http.ResponseWriter, r *http.Request, who auth.Identity, status int, u auth.User) error {
	locked, err := a.auth.Users.Throttled(r.Context(), who, u.Name)
	if err != nil {
		return err
	}
	return writeJSON(w, status, userV2{
		Username: u.Name, Email: u.Email, Admin: u.Admin, EffectiveAdmin: u.Admin && u.Enabled,
		ProfileUpdatable: u.MayUpdateProfile, DisableUIAccess: u.PagesDisabled, InternalPasswordDisabled: u.InternalPasswordDisabled,
		LastLoggedIn: stamp(u.LastSignIn), Realm: u.Realm, Groups: u.Groups, Status: statusOf(u, locked),
	})
}

// listedUserV2 is an account in the list.
type listedUserV2 struct {
	Username string `json:"username"`
	URI      string `json:"uri"`
	Realm    string `json:"realm"`
	Status   string `json:"status"`
}

// userPageV2 is a page of the list; without a cursor it is the last.
type userPageV2 struct {
	Users  []listedUserV2 `json:"users"`
	Cursor string         `json:"cursor,omitempty"`
}

// ListUsersV2 answers a page of the accounts, by name.
func (a *API) ListUsersV2(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	after, limit, err := readPage(r)
	if err != nil {
		return err
	}
	users, next, err := a.auth.Users.List(r.Context(), who, auth.Query{After: after, Limit: limit})
	if err != nil {
		return err
	}
	locked, err := a.auth.Users.Throttled(r.Context(), who)
	if err != nil {
		return err
	}
	answer := userPageV2{Users: []listedUserV2{}, Cursor: next}
	for _, u := range users {
		answer.Users = append(answer.Users, listedUserV2{u.Name, a.uriOf(usersV2, u.Name), u.Realm, statusOf(u, locked)})
	}
	return writeJSON(w, http.StatusOK, answer)
}

// readPage reads the query of a list: cursor, the cursor of the page before, and
// limit, at most maxPage, which is what is answered without one. The order is
// by name, whatever is asked for. A filter would be a list of others than
// those asked for, and is refused.
func readPage(r *http.Request) (after string, limit int, err error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", 0, invalid("", "the query cannot be read")
	}
	for key, v := range values {
		if !slices.Contains([]string{"cursor", "limit", "descending", "descending_order"}, key) {
			return "", 0, invalid("", "the query has a key that is not known here; the list knows cursor and limit")
		}
		if len(v) > 1 {
			return "", 0, invalid(key, key+" is given more than once")
		}
	}
	limit = maxPage
	if text := values.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 {
			return "", 0, invalid("limit", "limit must be a whole number from 1")
		}
	}
	return values.Get("cursor"), min(limit, maxPage), nil
}

// CreateUserV2 makes an account: 201 with it, 409 where there is one.
func (a *API) CreateUserV2(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	in, err := readUserV2(w, r)
	if err != nil {
		return err
	}
	if in.name == nil {
		return invalid("username", "a new user needs a username")
	}
	name, err := auth.CanonicalName(*in.name)
	if err != nil {
		return err
	}
	if err := in.about(auth.User{Name: name, Realm: realmInternal, Enabled: true}, a.uriOf(usersV2, name)); err != nil {
		return err
	}
	u, err := a.createUser(r.Context(), who, name, in)
	if err != nil {
		return err
	}
	return a.writeUserV2(w, r, who, http.StatusCreated, u)
}

// ShowUserV2 answers one account.
func (a *API) ShowUserV2(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	name, err := pathAccount(r, who)
	if err != nil {
		return err
	}
	u, err := a.auth.Users.Get(r.Context(), who, name)
	if err != nil {
		return err
	}
	return a.writeUserV2(w, r, who, http.StatusOK, u)
}

// PatchUserV2 changes what the body names.
func (a *API) PatchUserV2(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	name, err := pathAccount(r, who)
	if err != nil {
		return err
	}
	in, err := readUserV2(w, r)
	if err != nil {
		return err
	}
	u, err := a.alterUser(r, who, name, in, a.uriOf(usersV2, name))
	if err != nil {
		return err
	}
	return a.writeUserV2(w, r, who, http.StatusOK, u)
}

// DeleteUserV2 ends an account.
func (a *API) DeleteUserV2(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	name, err := pathUser(r)
	if err != nil {
		return err
	}
	return done(w, a.auth.Users.Delete(r.Context(), who, name))
}

// PatchUserGroups puts a user into groups and takes the user out of others; it
// answers the groups that the user is in then.
func (a *API) PatchUserGroups(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	name, err := pathAccount(r, who)
	if err != nil {
		return err
	}
	var in membership
	if err := readJSON(w, r, &in, strictjson.Options{AllowNull: true}); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	u, err := a.auth.Users.Update(r.Context(), who, name, auth.UserChange{Join: in.Add, Leave: in.Remove})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, u.Groups)
}
