package main

import (
	"cmp"
	"context"
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

type bindingCommands struct {
	List   bindingList   `cmd:"" help:"List the accounts elsewhere that sign a user in here."`
	Delete bindingDelete `cmd:"" help:"Unlink one; sessions that were begun through it end."`
}

type bindingList struct{ whose }

func (b *bindingList) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	bindings, err := listOf[auth.Binding](ctx, client, b.whose, "/bindings")
	if err != nil {
		return err
	}
	return printList(c, bindings, "ID PROVIDER ACCOUNT ISSUER SUBJECT CREATED USED STATE", func(b auth.Binding) []string {
		state := "in use"
		if b.Dormant {
			state = "no such provider now"
		}
		return []string{b.ID, b.Provider, cmp.Or(b.Login, b.Email), b.Issuer, b.Subject, stamp(b.Created), used(b.LastUsed), state}
	})
}

type bindingDelete struct {
	ID string `arg:"" help:"The linked account's id."`
}

func (b *bindingDelete) Run(ctx context.Context, c *console) error {
	return c.act(ctx, http.MethodDelete, "/bindings/"+seg(b.ID), "unlinked %s", b.ID)
}
