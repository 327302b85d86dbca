package jfrog

import (
	"context"
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/strictjson"
)

// groupBodyV1 is a group as api/security/groups has it. Whoever reads it here,
// changes it and sends it back is understood.
type groupBodyV1 struct {
	Name        *string   `json:"name"`
	Description *string   `json:"description"`
	UserNames   *[]string `json:"userNames"`

	URI             *string `json:"uri"`
	Realm           *string `json:"realm"`
	RealmAttributes *string `json:"realmAttributes"`
	ExternalID      *string `json:"externalId"`

	AutoJoin         *bool `json:"autoJoin"`
	AdminPrivileges  *bool `json:"adminPrivileges"`
	PolicyManager    *bool `json:"policyManager"`
	WatchManager     *bool `json:"watchManager"`
	ReportsManager   *bool `json:"reportsManager"`
	ResourcesManager *bool `json:"resourcesManager"`
}

func readGroupV1(w http.ResponseWriter, r *http.Request) (*groupFields, error) {
	var in groupBodyV1
	if err := readJSON(w, r, &in, strictjson.Options{AllowNull: true}); err != nil {
		return nil, err
	}
	return &groupFields{
		name: in.Name, description: in.Description, members: in.UserNames, membersKey: "userNames",
		realm: in.Realm, realmAttributes: in.RealmAttributes, externalID: in.ExternalID, uri: in.URI,
		grants: []flag{
			{"autoJoin", in.AutoJoin}, {"adminPrivileges", in.AdminPrivileges},
			{"policyManager", in.PolicyManager}, {"watchManager", in.WatchManager},
			{"reportsManager", in.ReportsManager}, {"resourcesManager", in.ResourcesManager},
		},
	}, nil
}

// groupV1 is a group as it is answered.
type groupV1 struct {
	Name            string    `json:"name"`
	Description     string    `json:"description"`
	AutoJoin        bool      `json:"autoJoin"`
	AdminPrivileges bool      `json:"adminPrivileges"`
	Realm           string    `json:"realm"`
	UserNames       *[]string `json:"userNames,omitempty"` // where they were asked for
}

// listedGroupV1 is a group in the list.
type listedGroupV1 struct {
	Name string `json:"name"`
	URI  string `json:"uri"`
}

// ListGroups answers all groups, by name.
func (a *API) ListGroups(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	groups, err := a.auth.Groups.List(r.Context(), who)
	if err != nil {
		return err
	}
	list := []listedGroupV1{}
	for _, g := range groups {
		list = append(list, listedGroupV1{g.Name, a.uriOf(groupsV1, g.Name)})
	}
	return writeJSON(w, http.StatusOK, list)
}

// ShowGroup answers one group, with ?includeUsers=true who is in it.
func (a *API) ShowGroup(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	g, err := a.auth.Groups.Get(r.Context(), who, r.PathValue("group"))
	if err != nil {
		return err
	}
	answer := groupV1{Name: g.Name, Description: g.Description, Realm: realmInternal}
	if r.URL.Query().Get("includeUsers") == "true" {
		names, err := a.members(r.Context(), who, g.Name)
		if err != nil {
			return err
		}
		answer.UserNames = &names
	}
	return writeJSON(w, http.StatusOK, answer)
}

// PutGroup makes a group or replaces one with its members. Both answer 201: a
// client that replaces takes nothing else for success.
func (a *API) PutGroup(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	name := r.PathValue("group")
	in, err := readGroupV1(w, r)
	if err != nil {
		return err
	}
	if err := in.about(name, a.uriOf(groupsV1, name)); err != nil {
		return err
	}
	_, there, err := a.seenGroup(r.Context(), who, name)
	if err != nil {
		return err
	}
	if !there {
		if _, err := a.createGroup(r.Context(), who, name, in); err != nil {
			return err
		}
		return writeText(w, http.StatusCreated, "the group "+name+" is created")
	}
	if err := a.replaceGroup(r.Context(), who, name, in); err != nil {
		return err
	}
	return writeText(w, http.StatusCreated, "the group "+name+" is replaced")
}

// replaceGroup lets go first whom the body does not name.
func (a *API) replaceGroup(ctx context.Context, who auth.Identity, name string, in *groupFields) error {
	wanted, err := a.named(ctx, who, in)
	if err != nil {
		return err
	}
	if in.description == nil {
		in.description = new(string)
	}
	_, err = a.describe(ctx, who, name, in.description, func() error {
		have, err := a.members(ctx, who, name)
		if err != nil {
			return err
		}
		if err := a.release(ctx, who, name, without(have, wanted)); err != nil {
			return err
		}
		return a.enlist(ctx, who, name, without(wanted, have))
	})
	return err
}

// PostGroup changes the description of a group and puts users into it; nobody
// leaves.
func (a *API) PostGroup(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	name := r.PathValue("group")
	in, err := readGroupV1(w, r)
	if err != nil {
		return err
	}
	if err := in.about(name, a.uriOf(groupsV1, name)); err != nil {
		return err
	}
	more, err := a.named(r.Context(), who, in)
	if err != nil {
		return err
	}
	_, err = a.describe(r.Context(), who, name, in.description, func() error {
		return a.enlist(r.Context(), who, name, more)
	})
	return told(w, err, "the group "+name+" is updated")
}

// DeleteGroup ends a group.
func (a *API) DeleteGroup(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	name := r.PathValue("group")
	return told(w, a.auth.Groups.Delete(r.Context(), who, name), "the group "+name+" is deleted")
}
