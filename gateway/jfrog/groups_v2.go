package jfrog

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/strictjson"
)

// groupBodyV2 is a group as access/api/v2/groups has it; see groupBodyV1.
type groupBodyV2 struct {
	Name        *string   `json:"name"`
	Description *string   `json:"description"`
	Members     *[]string `json:"members"`

	URI             *string `json:"uri"`
	Realm           *string `json:"realm"`
	RealmAttributes *string `json:"realm_attributes"`
	ExternalID      *string `json:"external_id"`

	AutoJoin         *bool `json:"auto_join"`
	AdminPrivileges  *bool `json:"admin_privileges"`
	PolicyManager    *bool `json:"policy_manager"`
	WatchManager     *bool `json:"watch_manager"`
	ReportsManager   *bool `json:"reports_manager"`
	ResourcesManager *bool `json:"resources_manager"`
}

func readGroupV2(w http.ResponseWriter, r *http.Request) (*groupFields, error) {
	var in groupBodyV2
	if err := readJSON(w, r, &in, strictjson.Options{AllowNull: true}); err != nil {
		return nil, err
	}
	return &groupFields{
		name: in.Name, description: in.Description, members: in.Members, membersKey: "members",
		realm: in.Realm, realmAttributes: in.RealmAttributes, externalID: in.ExternalID, uri: in.URI,
		grants: []flag{
			{"auto_join", in.AutoJoin}, {"admin_privileges", in.AdminPrivileges},
			{"policy_manager", in.PolicyManager}, {"watch_manager", in.WatchManager},
			{"reports_manager", in.ReportsManager}, {"resources_manager", in.ResourcesManager},
		},
	}, nil
}

// groupV2 is a group as it is answered.
type groupV2 struct {
	Name            string   `json:"name"`
	Description     string   `json:"description"`
	AutoJoin        bool     `json:"auto_join"`
	AdminPrivileges bool     `json:"admin_privileges"`
	Realm           string   `json:"realm"`
	Members         []string `json:"members"`
}

func (a *API) writeGroupV2(w http.ResponseWriter, r *http.Request, who auth.Identity, status int, g auth.Group) error {
	members, err := a.members(r.Context(), who, g.Name)
	if err != nil {
		return err
	}
	return writeJSON(w, status, groupV2{Name: g.Name, Description: g.Description, Realm: realmInternal, Members: members})
}

// listedGroupV2 is a group in the list.
type listedGroupV2 struct {
	Name string `json:"group_name"`
	URI  string `json:"uri"`
}

// groupPageV2 is a page of the list; without a cursor it is the last.
type groupPageV2 struct {
	Groups []listedGroupV2 `json:"groups"`
	Cursor string          `json:"cursor,omitempty"`
}

// ListGroupsV2 answers a page of the groups, by name.
func (a *API) ListGroupsV2(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	after, limit, err := readPage(r)
	if err != nil {
		return err
	}
	groups, err := a.auth.Groups.List(r.Context(), who)
	if err != nil {
		return err
	}
	answer := groupPageV2{Groups: []listedGroupV2{}}
	for _, g := range groups {
		if g.Name <= after {
			continue
		}
		if len(answer.Groups) == limit {
			answer.Cursor = answer.Groups[limit-1].Name
			break
		}
		answer.Groups = append(answer.Groups, listedGroupV2{g.Name, a.uriOf(groupsV2, g.Name)})
	}
	return writeJSON(w, http.StatusOK, answer)
}

// CreateGroupV2 makes a group: 201 with it, 409 where there is one.
func (a *API) CreateGroupV2(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	in, err := readGroupV2(w, r)
	if err != nil {
		return err
	}
	if in.name == nil {
		return invalid("name", "a new group needs a name")
	}
	if err := in.about(*in.name, a.uriOf(groupsV2, *in.name)); err != nil {
		return err
	}
	g, err := a.createGroup(r.Context(), who, *in.name, in)
	if err != nil {
		return err
	}
	return a.writeGroupV2(w, r, who, http.StatusCreated, g)
}

// ShowGroupV2 answers one group and who is in it.
func (a *API) ShowGroupV2(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	g, err := a.auth.Groups.Get(r.Context(), who, r.PathValue("group"))
	if err != nil {
		return err
	}
	return a.writeGroupV2(w, r, who, http.StatusOK, g)
}

// PatchGroupV2 changes the description of a group.
func (a *API) PatchGroupV2(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	name := r.PathValue("group")
	in, err := readGroupV2(w, r)
	if err != nil {
		return err
	}
	if err := in.about(name, a.uriOf(groupsV2, name)); err != nil {
		return err
	}
	if in.members != nil && len(*in.members) > 0 {
		return invalid("members", "members are changed by PATCH on the group's /members")
	}
	g, err := a.describe(r.Context(), who, name, in.description, noMembers)
	if err != nil {
		return err
	}
	return a.writeGroupV2(w, r, who, http.StatusOK, g)
}

// DeleteGroupV2 ends a group.
func (a *API) DeleteGroupV2(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return done(w, a.auth.Groups.Delete(r.Context(), who, r.PathValue("group")))
}

// PatchMembers puts users into a group and takes users out; it answers who is
// in it then. All of them must exist.
func (a *API) PatchMembers(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	group := r.PathValue("group")
	var in membership
	if err := readJSON(w, r, &in, strictjson.Options{AllowNull: true}); err != nil {
		return err
	}
	add, err := a.people(r.Context(), who, "add", in.Add)
	if err != nil {
		return err
	}
	remove, err := a.people(r.Context(), who, "remove", in.Remove)
	if err != nil {
		return err
	}
	if err := (membership{Add: add, Remove: remove}).check(); err != nil {
		return err
	}
	_, err = a.describe(r.Context(), who, group, nil, func() error {
		if err := a.release(r.Context(), who, group, remove); err != nil {
			return err
		}
		return a.enlist(r.Context(), who, group, add)
	})
	if err != nil {
		return err
	}
	names, err := a.members(r.Context(), who, group)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, names)
}
