package jfrog

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/strictjson"
)

// maxPage is how many accounts are read at once.
const maxPage = 1000

// userBodyV1 is an account as api/security/users has it. Whoever reads it here,
// changes it and sends it back is understood: what is not ours to grant is
// accepted as long as it is off, lastLoggedIn is not looked at.
type userBodyV1 struct {
	Name                     *string     `json:"name"`
	Email                    *string     `json:"email"`
	Password                 auth.Secret `json:"password"`
	Admin                    *bool       `json:"admin"`
	ProfileUpdatable         *bool       `json:"profileUpdatable"`
	DisableUIAccess          *bool       `json:"disableUIAccess"`
	InternalPasswordDisabled *bool       `json:"internalPasswordDisabled"`
	Groups                   *[]string   `json:"groups"`

	URI          *string `json:"uri"`
	Realm        *string `json:"realm"`
	Source       *string `json:"source"` // the realm by another name
	Status       *string `json:"status"`
	LastLoggedIn *string `json:"lastLoggedIn"`

	ShouldInvite     *bool `json:"shouldInvite"`
	OfflineMode      *bool `json:"offlineMode"`
	PolicyManager    *bool `json:"policyManager"`
	PolicyViewer     *bool `json:"policyViewer"`
	WatchManager     *bool `json:"watchManager"`
	ReportsManager   *bool `json:"reportsManager"`
	ResourcesManager *bool `json:"resourcesManager"`
	ProjectAdmin     *bool `json:"projectAdmin"`
}

func readUserV1(w http.ResponseWriter, r *http.Request) (*userFields, error) {
	var in userBodyV1
	if err := readJSON(w, r, &in, strictjson.Options{AllowNull: true}); err != nil {
		return nil, err
	}
	if in.Realm == nil {
		in.Realm = in.Source
	} else if in.Source != nil && *in.Source != *in.Realm {
		return nil, invalid("source", "source and realm differ; leave both out")
	}
	return &userFields{
		name: in.Name, email: in.Email, password: in.Password,
		admin: in.Admin, updatable: in.ProfileUpdatable, noPages: in.DisableUIAccess, noPassword: in.InternalPasswordDisabled,
		groups: in.Groups, realm: in.Realm, status: in.Status, uri: in.URI,
		nameKey: "name", noPasswordKey: "internalPasswordDisabled",
		grants: []flag{
			{"shouldInvite", in.ShouldInvite}, {"offlineMode", in.OfflineMode},
			{"policyManager", in.PolicyManager}, {"policyViewer", in.PolicyViewer},
			{"watchManager", in.WatchManager}, {"reportsManager", in.ReportsManager},
			{"resourcesManager", in.ResourcesManager}, {"projectAdmin", in.ProjectAdmin},
		},
	}, nil
}

// userV1 is an account as it is answered.
type userV1 struct {
	Name                     string   `json:"name"`
	Email                    string   `json:"email"`
	Admin                    bool     `json:"admin"`
	ProfileUpdatable         bool     `json:"profileUpdatable"`
	DisableUIAccess          bool     `json:"disableUIAccess"`
	InternalPasswordDisabled bool     `json:"internalPasswordDisabled"`
	LastLoggedIn             string   `json:"lastLoggedIn,omitempty"` // absent: not yet, or long ago
	Realm                    string   `json:"realm"`
	Groups                   []string `json:"groups"`
}

// listedUserV1 is an account in the list.
type listedUserV1 struct {
	Name  string `json:"name"`
	URI   string `json:"uri"`
	Realm string `json:"realm"`
}

// ListUsers answers all accounts, by name.
func (a *API) ListUsers(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	list := []listedUserV1{}
	err := a.everyUser(r.Context(), who, func(u auth.User) {
		list = append(list, listedUserV1{u.Name, a.uriOf(usersV1, u.Name), u.Realm})
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, list)
}

// ShowUser answers one account.
func (a *API) ShowUser(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	name, err := pathAccount(r, who)
	if err != nil {
		return err
	}
	u, err := a.auth.Users.Get(r.Context(), who, name)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, userV1{
		Name: u.Name, Email: u.Email, Admin: u.Admin,
		ProfileUpdatable: u.MayUpdateProfile, DisableUIAccess: u.PagesDisabled, InternalPasswordDisabled: u.InternalPasswordDisabled,
		LastLoggedIn: stamp(u.LastSignIn), Realm: u.Realm, Groups: u.Groups,
	})
}

// PutUser makes an account, 201, or replaces one, 200: what the body leaves
// out becomes what it is in a new account, but for the password, which stays.
func (a *API) PutUser(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	name, err := auth.CanonicalName(r.PathValue("user"))
	if err != nil {
		return err
	}
	if err := notOwn(who, name); err != nil {
		return err
	}
	in, err := readUserV1(w, r)
	if err != nil {
		return err
	}
	is, there, err := a.seenUser(r.Context(), who, name)
	if err != nil {
		return err
	}
	if err := in.about(is, a.uriOf(usersV1, name)); err != nil {
		return err
	}
	if !there {
		if _, err := a.createUser(r.Context(), who, name, in); err != nil {
			return err
		}
		return writeText(w, http.StatusCreated, "the user "+name+" is created")
	}
	if in.email == nil || *in.email == "" {
		return invalid("email", "a user that is replaced needs an email")
	}
	in.replaceAll()
	_, err = a.updateUser(r.Context(), who, name, is, in)
	return told(w, err, "the user "+name+" is replaced")
}

// PostUser changes what the body names.
func (a *API) PostUser(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	name, err := pathAccount(r, who)
	if err != nil {
		return err
	}
	in, err := readUserV1(w, r)
	if err != nil {
		return err
	}
	_, err = a.alterUser(r, who, name, in, a.uriOf(usersV1, name))
	return told(w, err, "the user "+name+" is updated")
}

// DeleteUser ends an account.
func (a *API) DeleteUser(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	name, err := pathUser(r)
	if err != nil {
		return err
	}
	return told(w, a.auth.Users.Delete(r.Context(), who, name), "the user "+name+" is deleted")
}
