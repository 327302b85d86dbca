package main

import (
	"github.com/latchkey-io/latchkey/configs"
	"github.com/latchkey-io/latchkey/gateway"
)

// reload puts a fresh configuration in force. When anything about it is wrong
// (err is what reading it said) nothing changes. Keys that only a restart can
// change are named and keep their value.
func (d *daemon) reload(fresh *configs.Config, err error) {
	if err != nil {
		d.notReloaded(err)
		return
	}
	next, keep, err := configs.Reload(d.config, fresh)
	if err != nil {
		d.notReloaded(err)
		return
	}
	if err := d.apply(next); err != nil {
		d.notReloaded(err)
		return
	}
	d.config = next
	d.counts.reloads.WithLabelValues("ok").Inc()
	for _, warning := range next.Warnings() {
		d.log.Warn("configuration: " + warning)
	}
	if len(keep) > 0 {
		d.log.Warn("the configuration was reloaded; these keys need a restart and keep their value", "keys", keep)
		return
	}
	d.log.Info("the configuration was reloaded")
}

func (d *daemon) notReloaded(err error) {
	d.counts.reloads.WithLabelValues("failed").Inc()
	d.log.Error("the configuration was not reloaded; the old one stays in force", "error", err)
}

// apply hands next to everybody. Whatever can refuse it comes first; should a
// later part refuse, the earlier ones get the old one back.
func (d *daemon) apply(next *configs.Config) error {
	ways, err := newLogins(next, d.ring, d.authority.Spend, d.logins.Load())
	if err != nil {
		return err
	}
	fresh, err := d.gatewayConfig(next, ways)
	if err != nil {
		return err
	}
	jobs, err := newJobs(next, d.jobs)
	if err != nil {
		return err
	}
	upstreams, err := namedUpstreams(next)
	if err != nil {
		return err
	}
	sender, err := newMail(next)
	if err != nil {
		return err
	}
	routes, err := lfsRoutes(next)
	if err != nil {
		return err
	}
	if err := d.lfs.SetRoutes(routes); err != nil {
		return err
	}
	if err := d.gateway.Reload(fresh); err != nil {
		if before, e := lfsRoutes(d.config); e == nil {
			if e := d.lfs.SetRoutes(before); e != nil {
				d.log.Error("the old LFS routes cannot be put back; restart the daemon", "error", e)
			}
		}
		return err
	}
	if err := d.doors.loadCertificate(next); err != nil {
		// It was good when the configuration was checked a moment ago.
		d.log.Error("the new certificate cannot be used; the old one stays", "error", err)
	}
	d.authority.SetPolicy(policy(next))
	d.jobs = jobs
	d.authority.SetJobs(jobs)
	d.authority.SetUpstreams(upstreams, gateway.Probe{})
	d.setLogins(ways)
	d.setMail(fresh.PublicURL, sender)
	return nil
}
