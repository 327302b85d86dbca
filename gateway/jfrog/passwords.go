package jfrog

import (
	"errors"
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/strictjson"
)

// ownPassword sends to where the old password is asked for.
func ownPassword() error {
	return &auth.Error{Code: auth.Forbidden, Reason: "your own password is changed with the old one beside it: POST /artifactory/api/security/users/authorization/changePassword"}
}

// newPassword is the body that sets a password.
type newPassword struct {
	Password auth.Secret `json:"password"`
}

// PutPassword sets the password of another user, or one's own for a caller who
// shows the old one in the same request. One who is there otherwise is told
// where the old one is asked for.
func (a *API) PutPassword(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	name, err := pathUser(r)
	if err != nil {
		return err
	}
	var in newPassword
	if err := readJSON(w, r, &in, strictjson.Options{}); err != nil {
		return err
	}
	if in.Password.Empty() {
		return invalid("password", "password is missing")
	}
	var old auth.Secret
	if who.User == name {
		if who.Via.Kind != auth.KindPassword {
			return ownPassword()
		}
		old = shownSecret(r.Header)
	}
	err = a.auth.Passwords.Change(r.Context(), who, name, old, in.Password)
	if e, ok := errors.AsType[*auth.Error](err); ok && e.Field == "new" {
		return invalid("password", e.Reason)
	}
	return done(w, err)
}

// passwordChange is the body of changePassword. One client calls the user
// username.
type passwordChange struct {
	UserName *string     `json:"userName"`
	Username *string     `json:"username"`
	Old      auth.Secret `json:"oldPassword"`
	New1     auth.Secret `json:"newPassword1"`
	New2     auth.Secret `json:"newPassword2"`
}

// check tells what is wrong with the body itself, else the user's name.
func (in passwordChange) check() (name, wrong string) {
	switch {
	case in.UserName == nil && in.Username == nil:
		return "", "userName is missing"
	case in.UserName != nil && in.Username != nil && *in.UserName != *in.Username:
		return "", "userName and username differ"
	case in.Old.Empty():
		return "", "oldPassword is missing"
	case in.New1.Empty() || in.New2.Empty():
		return "", "newPassword1 and newPassword2 are both needed"
	case !in.New1.Equal(in.New2):
		return "", "newPassword1 and newPassword2 differ"
	}
	if in.UserName == nil {
		return *in.Username, ""
	}
	return *in.UserName, ""
}

// ChangePassword changes a password by the old one, which may have expired:
// 200 or 400, each with a text. The old password is the proof; no other
// credential is looked at. It is a guess like any other where it is wrong.
func (a *API) ChangePassword(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in passwordChange
	if err := readJSON(w, r, &in, strictjson.Options{AllowNull: true}); err != nil {
		return textRefused(w, err)
	}
	name, wrong := in.check()
	if wrong != "" {
		return writeText(w, http.StatusBadRequest, wrong)
	}
	if err := a.auth.Passwords.Renew(r.Context(), who.Peer, name, in.Old, in.New1); err != nil {
		return textRefused(w, err)
	}
	return writeText(w, http.StatusOK, "the password is changed")
}

// textRefused answers in words what the caller can mend. The rest goes on to
// the gateway: guesses used up, and what is no fault of the caller's.
func textRefused(w http.ResponseWriter, err error) error {
	refusal, ok := errors.AsType[*auth.Error](err)
	if !ok {
		return err
	}
	switch refusal.Code {
	case auth.Invalid, auth.Forbidden, auth.NotFound:
		return writeText(w, http.StatusBadRequest, refusal.Reason)
	}
	return err
}

// ExpirePasswordOf lets one user's password be good for nothing but choosing
// a new one.
func (a *API) ExpirePasswordOf(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	name, err := pathUser(r)
	if err != nil {
		return err
	}
	return told(w, a.auth.Passwords.Expire(r.Context(), who, name), "the password of "+name+" has expired")
}

// ExpirePasswordV2 is ExpirePasswordOf with nothing to say.
func (a *API) ExpirePasswordV2(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	name, err := pathUser(r)
	if err != nil {
		return err
	}
	return done(w, a.auth.Passwords.Expire(r.Context(), who, name))
}

// ExpirePasswords is ExpirePasswordOf for the users of a list, which is never
// empty: nobody is not everybody.
func (a *API) ExpirePasswords(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	names, err := readNames(w, r)
	if err != nil {
		return err
	}
	return told(w, a.auth.Passwords.Expire(r.Context(), who, names...), "the passwords of the users of the list have expired")
}

// ExpireAllPasswords is ExpirePasswordOf for everybody but the caller.
func (a *API) ExpireAllPasswords(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return told(w, a.auth.Passwords.Expire(r.Context(), who), "the passwords of all users but yours have expired")
}

// UnexpirePasswordOf takes ExpirePasswordOf back.
func (a *API) UnexpirePasswordOf(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	name, err := pathUser(r)
	if err != nil {
		return err
	}
	return told(w, a.auth.Passwords.Unexpire(r.Context(), who, name), "the password of "+name+" is good again")
}

// UnexpireAllPasswords takes ExpireAllPasswords back.
func (a *API) UnexpireAllPasswords(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return told(w, a.auth.Passwords.Unexpire(r.Context(), who), "the passwords of all users are good again")
}

// expirationPolicy is after how many days a password would expire by itself.
type expirationPolicy struct {
	Enabled        bool `json:"enabled"`
	PasswordMaxAge int  `json:"passwordMaxAge"`
	NotifyByEmail  bool `json:"notifyByEmail"`
}

// defaultMaxAge is what the original answers where nothing was set.
const defaultMaxAge = 60 // days

// ExpirationPolicy answers that no password expires by its age.
func (a *API) ExpirationPolicy(w http.ResponseWriter, _ *http.Request, who auth.Identity) error {
	if err := onlyAdmin(who); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, expirationPolicy{PasswordMaxAge: defaultMaxAge})
}

// SetExpirationPolicy refuses (NIST SP 800-63B-4 §3.1.1.2: no change of
// passwords without a sign that one is known to others).
func (a *API) SetExpirationPolicy(_ http.ResponseWriter, _ *http.Request, who auth.Identity) error {
	if err := onlyAdmin(who); err != nil {
		return err
	}
	return invalid("", "passwords do not expire by their age here; expire those that others may know with expirePassword")
}
