package main

import (
	"context"
	"net/http"
	"strings"
)

type whoamiCommand struct{}

func (w *whoamiCommand) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var who struct {
		User       string   `json:"user"`
		Groups     []string `json:"groups"`
		Admin      bool     `json:"admin"`
		Scope      string   `json:"scope"`
		Credential struct {
			Kind string `json:"kind"`
			ID   string `json:"id"`
		} `json:"credential"`
		Expires string `json:"expires"`
	}
	raw, err := client.call(ctx, http.MethodGet, "/whoami", nil, &who)
	if err != nil {
		return err
	}
	return c.printFields(raw,
		field{"user", who.User},
		field{"groups", strings.Join(who.Groups, ", ")},
		field{"admin", yes(who.Admin)},
		field{"by", strings.TrimSpace(who.Credential.Kind + " " + who.Credential.ID)},
		field{"scope", who.Scope},
		field{"ends", who.Expires},
	)
}
