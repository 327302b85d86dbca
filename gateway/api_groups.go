package gateway

import (
	"net/http"
	"net/url"

	"github.com/latchkey-io/latchkey/auth"
)

// newGroup is the body that creates a group.
type newGroup struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// groupChange is the body that changes a group.
type groupChange struct {
	Description string `json:"description"`
}

func (a *api) createGroup(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in newGroup
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	group, err := a.auth.Groups.Create(r.Context(), who, in.Name, in.Description)
	if err != nil {
		return err
	}
	w.Header().Set("Location", apiRoot+"/groups/"+url.PathEscape(group.Name))
	return writeJSON(w, http.StatusCreated, group)
}

func (a *api) listGroups(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := query(r); err != nil {
		return err
	}
	groups, err := a.auth.Groups.List(r.Context(), who)
	if err != nil {
		return err
	}
	return writeList(w, groups, "")
}

func (a *api) getGroup(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	group, err := a.auth.Groups.Get(r.Context(), who, r.PathValue("group"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, group)
}

func (a *api) updateGroup(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in groupChange
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	group, err := a.auth.Groups.Update(r.Context(), who, r.PathValue("group"), in.Description)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, group)
}

func (a *api) deleteGroup(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return done(w, a.auth.Groups.Delete(r.Context(), who, r.PathValue("group")))
}
