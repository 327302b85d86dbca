package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

const (
	groupsPath   = adminPath + "/groups"
	newGroupPath = groupsPath + "/new"

	// groupInQuery names the group that a page is about: names of groups may
	// have characters that no path should have.
	groupInQuery = "group"

	descriptionField = "description"
	maxDescription   = 1024 // characters; auth bounds the bytes
)

// groupsPage is the list of all groups.
type groupsPage struct {
	frame
	Search search
	Groups []groupRow
	Pager  pager
}

// groupRow is one group on the list.
type groupRow struct {
	Name, Description string
	Made              moment
	Edit, Delete      string
}

// ListGroups is GET /ui/admin/groups?search=…&page=….
func (p *Pages) ListGroups(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	groups, err := p.auth.Groups.List(r.Context(), who)
	if err != nil {
		return err
	}
	page := groupsPage{frame: p.admin("Groups", r, who, "Groups"), Search: search{groupsPath, r.URL.Query().Get(searchInQuery)}}
	at := groupsPath
	if part := page.Search.Name; part != "" {
		groups = groupsWith(groups, part)
		at = withQuery(at, url.Values{searchInQuery: {part}})
	}
	groups, page.Pager = paged(r, groups, at, "")
	for _, g := range groups {
		page.Groups = append(page.Groups, groupRow{
			Name: g.Name, Description: g.Description, Made: p.moment(g.Created),
			Edit: groupAt("edit", g.Name), Delete: groupAt("delete", g.Name),
		})
	}
	return p.write(w, http.StatusOK, "groups", page)
}

// groupsWith are those whose names have text in them, in any case.
func groupsWith(groups []auth.Group, text string) []auth.Group {
	var found []auth.Group
	for _, g := range groups {
		if strings.Contains(strings.ToLower(g.Name), strings.ToLower(text)) {
			found = append(found, g)
		}
	}
	return found
}

// groupAt is the address of a page about one group.
func groupAt(page, group string) string {
	return withQuery(groupsPath+"/"+page, url.Values{groupInQuery: {group}})
}

func (p *Pages) newGroupPage(r *http.Request, who auth.Identity) adminForm {
	return adminForm{
		frame: p.admin("Add a group", r, who, "Groups"),
		Said:  []string{"Routes let groups in by their names, as in group:builders. Put users into the group on their own pages."},
		Form: form{
			Action: newGroupPath, Button: "Add group", Cancel: groupsPath, Watch: true,
			Fields: []field{
				{Name: nameField, Label: "Name", Hint: "It stays as it is. None of , \" / : * can be in it.", Max: auth.MaxGroupName, Required: true, Complete: "off"},
				{Name: descriptionField, Label: "Description", Type: "area", Max: maxDescription},
			},
		},
	}
}

// ShowNewGroup is GET /ui/admin/groups/new.
func (p *Pages) ShowNewGroup(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return p.write(w, http.StatusOK, "adminform", p.newGroupPage(r, who))
}

// AddGroup is POST /ui/admin/groups/new.
func (p *Pages) AddGroup(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	page := p.newGroupPage(r, who)
	values, err := readForm(w, r, page.Form.names()...)
	if err != nil {
		return err
	}
	now, err := p.unlockedBy(r, who, values)
	if err == nil {
		_, err = p.auth.Groups.Create(r.Context(), now, values.Get(nameField), plainLines(values.Get(descriptionField)))
	}
	if err != nil {
		return p.refusedForm(w, who, page, err, values)
	}
	return p.done(w, groupsPath, "group-added")
}

// plainLines is text as typed into an area, whose lines browsers end with CRLF.
func plainLines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// groupOf is the group that an address names.
func (p *Pages) groupOf(r *http.Request, who auth.Identity) (auth.Group, error) {
	return p.auth.Groups.Get(r.Context(), who, r.URL.Query().Get(groupInQuery))
}

func (p *Pages) editGroupPage(r *http.Request, who auth.Identity) (auth.Group, adminForm, error) {
	group, err := p.groupOf(r, who)
	if err != nil {
		return auth.Group{}, adminForm{}, err
	}
	page := adminForm{frame: p.admin("Edit "+group.Name, r, who, "Groups")}
	page.Form = form{
		Action: groupAt("edit", group.Name), Button: "Save", Cancel: groupsPath, Watch: true,
		Fields: []field{{Name: descriptionField, Label: "Description", Type: "area", Value: group.Description, Max: maxDescription}},
	}
	return group, page, nil
}

// ShowEditGroup is GET /ui/admin/groups/edit?group=….
func (p *Pages) ShowEditGroup(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	_, page, err := p.editGroupPage(r, who)
	if err != nil {
		return err
	}
	return p.write(w, http.StatusOK, "adminform", page)
}

// EditGroup is POST /ui/admin/groups/edit?group=….
func (p *Pages) EditGroup(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	group, page, err := p.editGroupPage(r, who)
	if err != nil {
		return err
	}
	values, err := readForm(w, r, page.Form.names()...)
	if err != nil {
		return err
	}
	now, err := p.unlockedBy(r, who, values)
	if err == nil {
		_, err = p.auth.Groups.Update(r.Context(), now, group.Name, plainLines(values.Get(descriptionField)))
	}
	if err != nil {
		return p.refusedForm(w, who, page, err, values)
	}
	return p.done(w, groupsPath, "group-saved")
}

func (p *Pages) deleteGroupPage(r *http.Request, who auth.Identity) (auth.Group, confirmPage, error) {
	group, err := p.groupOf(r, who)
	if err != nil {
		return auth.Group{}, confirmPage{}, err
	}
	page := confirmPage{
		frame: p.admin("Delete the group "+group.Name+"?", r, who, "Groups"),
		Said: []string{
			"Every member leaves it. What members could do only through this group is refused from then on, and tokens that cover nothing but this group open nothing any more.",
			"Which routes name the group stands in the configuration file and is not known here: look there for “group:" + group.Name + "” first. A group added later under the same name would be let in by the same routes.",
		},
		Form: form{Action: groupAt("delete", group.Name), Button: "Delete group", Danger: true, Cancel: groupsPath},
	}
	return group, page, nil
}

// AskDeleteGroup is GET /ui/admin/groups/delete?group=….
func (p *Pages) AskDeleteGroup(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	_, page, err := p.deleteGroupPage(r, who)
	if err != nil {
		return err
	}
	return p.confirm(w, http.StatusOK, page)
}

// DeleteGroup is POST /ui/admin/groups/delete?group=….
func (p *Pages) DeleteGroup(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	group, page, err := p.deleteGroupPage(r, who)
	if err != nil {
		return err
	}
	if _, err := readForm(w, r); err != nil {
		return err
	}
	if err := p.auth.Groups.Delete(r.Context(), who, group.Name); err != nil {
		return p.refusedConfirm(w, who, page, err, nil)
	}
	return p.done(w, groupsPath, "group-deleted")
}
