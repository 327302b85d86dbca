package gateway

import (
	"net/http"
	"net/url"

	"github.com/latchkey-io/latchkey/auth"
)

// newUser is the body that creates a user.
type newUser struct {
	Name                     string        `json:"name"`
	Email                    string        `json:"email"`
	DisplayName              string        `json:"display_name"`
	Groups                   []string      `json:"groups"`
	Admin                    bool          `json:"admin"`
	Kind                     auth.UserKind `json:"kind"`
	Password                 auth.Secret   `json:"password"`
	MayUpdateProfile         *bool         `json:"may_update_profile"` // absent: true
	InternalPasswordDisabled bool          `json:"internal_password_disabled"`
	PagesDisabled            bool          `json:"pages_disabled"`
}

// userChange is the body that changes a user; what is absent stays.
type userChange struct {
	Email                    *string   `json:"email"`
	DisplayName              *string   `json:"display_name"`
	Groups                   *[]string `json:"groups"`
	Admin                    *bool     `json:"admin"`
	MayUpdateProfile         *bool     `json:"may_update_profile"`
	InternalPasswordDisabled *bool     `json:"internal_password_disabled"`
	PagesDisabled            *bool     `json:"pages_disabled"`
}

func (a *api) createUser(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in newUser
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if in.Name == me {
		return invalid("name", "%q stands for the caller and cannot be a name", me)
	}
	user, err := a.auth.Users.Create(r.Context(), who, auth.NewUser{
		Name: in.Name, Email: in.Email, DisplayName: in.DisplayName,
		Groups: in.Groups, Admin: in.Admin, Kind: in.Kind, Password: in.Password,
		ProfileFixed:             in.MayUpdateProfile != nil && !*in.MayUpdateProfile,
		InternalPasswordDisabled: in.InternalPasswordDisabled, PagesDisabled: in.PagesDisabled,
	})
	if err != nil {
		return err
	}
	w.Header().Set("Location", apiRoot+"/users/"+url.PathEscape(user.Name))
	return writeJSON(w, http.StatusCreated, user)
}

func (a *api) listUsers(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	values, err := query(r, "search", "after", "limit")
	if err != nil {
		return err
	}
	limit, err := pageSize(values)
	if err != nil {
		return err
	}
	users, next, err := a.auth.Users.List(r.Context(), who, auth.Query{Search: values.Get("search"), After: values.Get("after"), Limit: limit})
	if err != nil {
		return err
	}
	return writeList(w, users, next)
}

func (a *api) getUser(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	user, err := a.auth.Users.Get(r.Context(), who, owner(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, user)
}

func (a *api) updateUser(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in userChange
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	user, err := a.auth.Users.Update(r.Context(), who, owner(r), auth.UserChange{
		Email: in.Email, DisplayName: in.DisplayName, Groups: in.Groups,
		Admin: in.Admin, MayUpdateProfile: in.MayUpdateProfile, InternalPasswordDisabled: in.InternalPasswordDisabled,
		PagesDisabled: in.PagesDisabled,
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, user)
}

func (a *api) deleteUser(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return done(w, a.auth.Users.Delete(r.Context(), who, owner(r)))
}

func (a *api) disableUser(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if err := noBody(r); err != nil {
		return err
	}
	return done(w, a.auth.Users.Disable(r.Context(), who, owner(r)))
}

func (a *api) enableUser(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if err := noBody(r); err != nil {
		return err
	}
	return done(w, a.auth.Users.Enable(r.Context(), who, owner(r)))
}

func (a *api) clearGuesses(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if err := noBody(r); err != nil {
		return err
	}
	return done(w, a.auth.Users.ClearGuesses(r.Context(), who, owner(r)))
}

// passwordChange is the body that changes a password. Old is asked of owners.
type passwordChange struct {
	Old auth.Secret `json:"old"`
	New auth.Secret `json:"new"`
}

func (a *api) changePassword(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in passwordChange
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	return done(w, a.auth.Passwords.Change(r.Context(), who, owner(r), in.Old, in.New))
}

// encryptedPasswordAnswer hands an encrypted password over.
type encryptedPasswordAnswer struct {
	EncryptedPassword string `json:"encrypted_password"`
}

// encryptedPassword serves callers themselves only, administrators included.
func (a *api) encryptedPassword(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if owner(r) != who.User {
		return &auth.Error{Code: auth.Forbidden, Reason: "an encrypted password is made for its owner alone"}
	}
	secret, err := a.auth.Passwords.Encrypted(r.Context(), who)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, encryptedPasswordAnswer{EncryptedPassword: secret.Reveal()})
}
