package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/latchkey-io/latchkey/lfs"
)

type lfsCommands struct {
	Fsck lfsFsck `cmd:"" help:"Read every object and compare it with its name; on the daemon's machine."`
}

type lfsFsck struct {
	Repair bool `help:"Move broken objects aside, so that clients upload them again."`
}

// Run fails when there is a problem that was not repaired.
func (l *lfsFsck) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, fsckTimeout)
	defer cancel()
	var report fsckReport
	body := struct {
		Repair bool `json:"repair"`
	}{l.Repair}
	raw, err := client.callSlow(ctx, http.MethodPost, "/lfs/fsck", body, &report)
	if err != nil {
		return err
	}
	if c.json {
		err = c.printJSON(raw)
	} else if report.Problems > 0 {
		err = printList(c, report.List, "ROUTE PATH REASON MOVED-TO", func(p lfs.Problem) []string {
			return []string{p.Route, p.Path, p.Reason, p.Moved}
		})
	}
	if err != nil {
		return err
	}
	if report.Problems > 0 && !l.Repair {
		return fmt.Errorf("%d of %d objects have a problem: run this with --repair, then push the objects again", report.Problems, report.Objects)
	}
	if !c.json {
		c.say("read %d objects, %d bytes; %d problems", report.Objects, report.Bytes, report.Problems)
	}
	return nil
}

type sshCommands struct {
	KnownHosts sshKnownHosts `cmd:"" help:"Print the lines for ~/.ssh/known_hosts; on the daemon's machine."`
}

type sshKnownHosts struct{}

func (s *sshKnownHosts) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	lines, err := list[string](ctx, client, "/ssh/known-hosts", nil)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(page[string]{Items: lines})
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(c.out, line); err != nil {
			return err
		}
	}
	return nil
}
