package configs_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/configs"
)

func TestReload(t *testing.T) {
	old := configs.Default()
	fresh := configs.Default()
	fresh.DataDir, fresh.Store, fresh.MasterKeyFile = "/srv", "redis://h", "k"
	fresh.HTTP.Listen, fresh.HTTP.TLSListen, fresh.HTTP.PublicURL = ":80", ":443", "https://new.example"
	fresh.Ops.Listen, fresh.SSH.Listen = "", ":22"
	fresh.SSH.HostKeyFiles, fresh.SSH.AllowDSS, fresh.SSH.ProxyProtocolFrom = []string{"a"}, true, []string{"10.0.0.1"}
	fresh.Session.Idle = time.Hour
	merged, keys, err := configs.Reload(old, fresh)
	want := []string{
		"data_dir", "http.listen", "http.tls_listen", "http.public_url", "ops.listen",
		"ssh.listen", "ssh.host_key_files", "ssh.allow_dss", "ssh.proxy_protocol_from", "store", "master_key_file",
	}
	if err != nil || !slices.Equal(keys, want) {
		t.Fatalf("%v %q", err, keys)
	}
	// What stays is the old one but for what may change.
	if merged.Session.Idle = old.Session.Idle; !reflect.DeepEqual(merged, old) {
		t.Errorf("%+v, want %+v", merged, old)
	}
	if fresh.Store != "redis://h" || fresh.HTTP.Listen != ":80" {
		t.Error("Reload changed its argument")
	}
	if _, keys, err := configs.Reload(old, configs.Default()); err != nil || keys != nil {
		t.Errorf("nothing changed, yet %v %q", err, keys)
	}
}

// A route to a port that is free only after a restart would lead into the
// daemon until then.
func TestReloadJudgesWhatStays(t *testing.T) {
	fresh, faults := load(t, "ops: {listen: '127.0.0.1:9999'}\nroutes:\n- {name: a, path: /a/, upstream: 'http://127.0.0.1:8081'}\n")
	if faults != nil {
		t.Fatal(faults)
	}
	merged, keys, err := configs.Reload(configs.Default(), fresh)
	if merged != nil || err == nil || !strings.Contains(err.Error(), "the daemon's own address, ops.listen") || !slices.Equal(keys, []string{"ops.listen"}) {
		t.Errorf("%v %q", err, keys)
	}
}

func TestWarnings(t *testing.T) {
	for text, want := range map[string]string{
		"http: {public_url: 'http://keys.example.com'}\n":                                    "http.public_url: http://keys.example.com is not https",
		"http: {public_url: 'https://keys.example.com'}\n":                                   "http.trusted_proxies: is empty",
		"http: {listen: '127.0.0.1:9000'}\n":                                                 "has another port than http.listen",
		"ops: {listen: ':8081'}\n":                                                           "ops.listen: :8081 is not loopback",
		"ops: {listen: '192.0.2.1:8081'}\n":                                                  "ops.listen: 192.0.2.1:8081 is not loopback",
		"ssh: {allow_dss: true}\n":                                                           "ssh.allow_dss",
		"store: redis://u:hunter2@redis.internal:6379\n":                                     "store: redis://redis.internal:6379 is not encrypted",
		"store: redis+cluster://localhost:7000,b\n":                                          "is not encrypted",
		"routes: [{name: a, path: /a/, upstream: 'http://h', insecure_same_origin: true}]\n": "route a: insecure_same_origin",
		"routes: [{name: a, path: /a/, upstream: 'http://h', write: [anonymous]}]\n":         "route a: anybody may write",
		"routes:\n- {name: a, path: /a/, upstream: 'lfs:data/lfs', read: [anonymous], write: [admin]}\n- {name: b, path: /b/, upstream: 'lfs:./data/x/../lfs/'}\n": "route b: shares its LFS folder with route a",
	} {
		c, faults := load(t, text)
		if faults != nil {
			t.Errorf("%s%q", text, faults)
			continue
		}
		if w := c.Warnings(); len(w) != 1 || !strings.Contains(w[0], want) || strings.Contains(w[0], "hunter2") {
			t.Errorf("%s%q", text, w)
		}
	}
	for _, text := range []string{"store: redis://:pw@127.0.0.1/0?x=1\n", "store: redis+sentinel://localhost:1,[::1]:2/m\n", "http: {listen: 'localhost:0'}\n", "ops: {listen: ''}\n"} {
		if c, faults := load(t, text); faults != nil || len(c.Warnings()) != 0 {
			t.Errorf("%s%q %q", text, faults, c.Warnings())
		}
	}
}
