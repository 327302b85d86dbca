package main

import (
	"context"
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

type groupCommands struct {
	Create groupCreate `cmd:"" help:"Create a group."`
	List   groupList   `cmd:"" help:"List groups."`
	Show   groupShow   `cmd:"" help:"Show a group."`
	Update groupUpdate `cmd:"" help:"Change a group's description."`
	Delete groupDelete `cmd:"" help:"Delete a group; its members stay, out of it."`
}

// groupBody is what the API takes.
type groupBody struct {
	Name        string  `json:"name,omitempty"`
	Description *string `json:"description,omitempty"`
}

type groupCreate struct {
	Name        string  `arg:"" help:"Name, without comma."`
	Description *string `help:"What it is for." placeholder:"TEXT"`
}

func (g *groupCreate) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	raw, err := client.call(ctx, http.MethodPost, "/groups", groupBody{Name: g.Name, Description: g.Description}, nil)
	if err != nil {
		return err
	}
	return c.done(raw, "created group %s", g.Name)
}

type groupList struct{}

func (g *groupList) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	groups, err := list[auth.Group](ctx, client, "/groups", nil)
	if err != nil {
		return err
	}
	return printList(c, groups, "NAME DESCRIPTION CREATED", func(g auth.Group) []string {
		return []string{g.Name, g.Description, stamp(g.Created)}
	})
}

type groupShow struct {
	Name string `arg:"" help:"The group."`
}

func (g *groupShow) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var group auth.Group
	raw, err := client.call(ctx, http.MethodGet, "/groups/"+seg(g.Name), nil, &group)
	if err != nil {
		return err
	}
	return c.printFields(raw,
		field{"name", group.Name},
		field{"description", group.Description},
		field{"created", stamp(group.Created)},
	)
}

type groupUpdate struct {
	Name        string `arg:"" help:"The group."`
	Description string `required:"" help:"What it is for." placeholder:"TEXT"`
}

func (g *groupUpdate) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	raw, err := client.call(ctx, http.MethodPatch, "/groups/"+seg(g.Name), groupBody{Description: &g.Description}, nil)
	if err != nil {
		return err
	}
	return c.done(raw, "updated group %s", g.Name)
}

type groupDelete struct {
	Name string `arg:"" help:"The group."`
}

func (g *groupDelete) Run(ctx context.Context, c *console) error {
	return c.act(ctx, http.MethodDelete, "/groups/"+seg(g.Name), "deleted group %s", g.Name)
}
