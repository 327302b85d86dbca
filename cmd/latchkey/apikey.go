package main

import (
	"context"
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

type apiKeyCommands struct {
	Create    apiKeyCreate    `cmd:"" help:"Make a user's API key and print it."`
	Show      apiKeyShow      `cmd:"" help:"Print a user's API key."`
	Rotate    apiKeyRotate    `cmd:"" help:"End a user's API key, make a new one and print it."`
	Revoke    apiKeyRevoke    `cmd:"" help:"End a user's API key."`
	RevokeAll apiKeyRevokeAll `cmd:"" help:"End the API keys of everybody."`
}

// self is whoever asks, in place of a name.
const self = "me"

// whose is the user that a credential belongs to.
type whose struct {
	User string `arg:"" default:"me" help:"The user; yourself when left out."`
}

func (w whose) path(rest string) string { return "/users/" + seg(w.User) + rest }

// keyAnswer is the API's answer that holds an API key.
type keyAnswer struct {
	auth.Key
	Secret string `json:"api_key"`
}

type apiKeyCreate struct{ whose }

func (k *apiKeyCreate) Run(ctx context.Context, c *console) error {
	return c.handOverKey(ctx, http.MethodPost, k.whose)
}

type apiKeyShow struct{ whose }

func (k *apiKeyShow) Run(ctx context.Context, c *console) error {
	return c.handOverKey(ctx, http.MethodGet, k.whose)
}

type apiKeyRotate struct{ whose }

func (k *apiKeyRotate) Run(ctx context.Context, c *console) error {
	return c.handOverKey(ctx, http.MethodPut, k.whose)
}

func (c *console) handOverKey(ctx context.Context, method string, w whose) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var key keyAnswer
	raw, err := client.call(ctx, method, w.path("/apikey"), nil, &key)
	if err != nil {
		return err
	}
	return c.handOver(raw, auth.NewSecret(key.Secret), "this is the API key of %s; it ends: %s", key.Owner, ends(key.Expires))
}

type apiKeyRevoke struct{ whose }

func (k *apiKeyRevoke) Run(ctx context.Context, c *console) error {
	return c.act(ctx, http.MethodDelete, k.path("/apikey"), "the API key of %s has ended", k.User)
}

type apiKeyRevokeAll struct {
	Yes bool `help:"Yes, end the API keys of everybody."`
}

func (k *apiKeyRevokeAll) Run(ctx context.Context, c *console) error {
	if !k.Yes {
		return usagef("this ends the API keys of everybody and cannot be undone; say --yes if you mean it")
	}
	return c.act(ctx, http.MethodDelete, "/apikeys", "the API keys of everybody have ended")
}
