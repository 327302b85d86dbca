package configs_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/configs"
)

func TestEnvironmentWins(t *testing.T) {
	c, faults := load(t, "http: {listen: '127.0.0.1:9000', public_url: 'https://file.example'}\nstore: redis://file\nssh: {host_key_files: [a]}\n",
		"HOME=/root", "LATCHKEY_HTTP_LISTEN=127.0.0.1:9001", "LATCHKEY_HTTP_TRUSTED_PROXIES=10.0.0.0/8, 192.0.2.7",
		"LATCHKEY_SSH_HOST_KEY_FILES=", "LATCHKEY_SSH_ALLOW_DSS=true", "LATCHKEY_SESSION_IDLE=1h", "LATCHKEY_PASSWORD_MIN_LENGTH=20",
		"LATCHKEY_MASTER_KEY_FILE=/run/secrets/master", "LATCHKEY_OPS_LISTEN=", "LATCHKEY_STORE=redis://:pw@env")
	if faults != nil {
		t.Fatal(strings.Join(faults, "\n"))
	}
	if c.HTTP.Listen != "127.0.0.1:9001" || c.HTTP.PublicURL != "https://file.example" || c.Store.Reveal() != "redis://:pw@env" ||
		!slices.Equal(c.HTTP.TrustedProxies, []string{"10.0.0.0/8", "192.0.2.7"}) || len(c.SSH.HostKeyFiles) != 0 || !c.SSH.AllowDSS ||
		c.Session.Idle != time.Hour || c.Password.MinLength != 20 || c.MasterKeyFile != "/run/secrets/master" || c.Ops.Listen != "" {
		t.Errorf("%+v", c)
	}
}

func TestEnvironmentFaults(t *testing.T) {
	_, got := load(t, "ops: {listen: nowhere}\nhttp: {listen: nowhere}\n",
		"LATCHKEY_HTTP_LISTN=x", "LATCHKEY_HTTP_LISTEN=:http", "LATCHKEY_SESSION_IDLE=forever", "LATCHKEY_ROUTES=x", "LATCHKEY_PROVIDERS_0_NAME=x",
		"LATCHKEY_SSH_PROXY_PROTOCOL_FROM=10.0.0.0/8,0.0.0.0/0", "LATCHKEY_SMTP_ADDRESS=mail:0", "LATCHKEY_SMTP_FROM=a@b.example", "LATCHKEY_STORE=redis://:hunter2@h:x", "LATCHKEY_=x", "latchkey_store=x")
	want := []string{
		"f:1: ops.listen: takes host:port",
		"LATCHKEY_: unknown variable; the nearest is LATCHKEY_STORE",
		"LATCHKEY_HTTP_LISTN: unknown variable; the nearest is LATCHKEY_HTTP_LISTEN",
		"LATCHKEY_PROVIDERS_0_NAME: this part of the configuration is read from the file only",
		"LATCHKEY_ROUTES: this part of the configuration is read from the file only",
		"LATCHKEY_SESSION_IDLE: session.idle: takes a duration",
		"LATCHKEY_HTTP_LISTEN: http.listen: takes a port number",
		"LATCHKEY_SSH_PROXY_PROTOCOL_FROM: ssh.proxy_protocol_from[1]: would trust",
		"LATCHKEY_STORE: store: has a host",
		"LATCHKEY_SMTP_ADDRESS: smtp.address: takes the host and port",
	}
	ok := len(got) == len(want)
	for i := range min(len(got), len(want)) {
		ok = ok && strings.HasPrefix(got[i], want[i])
	}
	if !ok || strings.Contains(strings.Join(got, "\n"), "hunter2") {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestVariablesThatAreNotSettings(t *testing.T) {
	_, err := configs.Load(configs.LoadOptions{
		Reserved: []string{"LATCHKEY_URL", "LATCHKEY_TOKEN"},
		Env: []string{"LATCHKEY_URL=https://x", "LATCHKEY_TOKEN=t",
			// What Kubernetes sets beside a service called latchkey or latchkey-ssh.
			"LATCHKEY_SERVICE_HOST=10.0.0.1", "LATCHKEY_SERVICE_PORT=8080", "LATCHKEY_SERVICE_PORT_HTTP=8080", "LATCHKEY_PORT=tcp://10.0.0.1:8080",
			"LATCHKEY_PORT_8080_TCP=tcp://10.0.0.1:8080", "LATCHKEY_PORT_8080_TCP_PROTO=tcp", "LATCHKEY_PORT_8080_TCP_PORT=8080", "LATCHKEY_PORT_8080_TCP_ADDR=10.0.0.1",
			"LATCHKEY_SSH_SERVICE_HOST=10.0.0.2", "LATCHKEY_SSH_PORT=tcp://10.0.0.2:22", "LATCHKEY_SSH_PORT_22_TCP_ADDR=10.0.0.2"},
	})
	if err != nil {
		t.Error(err)
	}
	for _, kv := range []string{"LATCHKEY_PORT=8080", "LATCHKEY_SSH_PORT=22", "LATCHKEY_URL=x"} {
		if _, err := configs.Load(configs.LoadOptions{Env: []string{kv}}); err == nil {
			t.Errorf("%s was not noticed", kv)
		}
	}
}
