//go:build clients

package clients_test

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const crane = "../bin/tools/clients/crane"

// containers passes on to a registry in a process of its own, where one is
// started before the first client.
type containers struct {
	addr     string
	registry http.Handler
}

func (c *containers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c.registry == nil {
		http.NotFound(w, r)
		return
	}
	c.registry.ServeHTTP(w, r)
}

// startRegistry starts the registry of a gate, with the image app:1.
func startRegistry(t *testing.T, g *gate) {
	t.Helper()
	addr := freeAddr(t)
	dir := t.TempDir()
	registry := exec.Command(crane, "registry", "serve", "--address", addr)
	registry.Env = environment(dir)
	if err := registry.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		registry.Process.Kill()
		registry.Wait()
	})
	for end := time.Now().Add(startsWithin); ; {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal("the registry does not start")
		}
		<-time.After(10 * time.Millisecond)
	}
	layer := filepath.Join(dir, "layer.tar.gz")
	write(t, layer, string(tarGz(t, file{"hello.txt", greeting})))
	push := exec.Command(crane, "append", "--new_layer", layer, "--new_tag", addr+"/team/app:1")
	push.Env = environment(dir)
	if out, err := push.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	g.upstream.containers.addr = addr
	g.upstream.containers.registry = httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: addr})
}

// newSkopeo keeps what skopeo shares between runs in the home, and lets it take
// images that nobody signed.
func newSkopeo(t *testing.T, r *run) {
	r.env = append(r.env, "REGISTRY_AUTH_FILE="+filepath.Join(r.home, "auth.json"))
	write(t, filepath.Join(r.home, ".config/containers/policy.json"), `{"default":[{"type":"insecureAcceptAnything"}]}`)
}

// imageCame finds an image in the registry that a client has put there, and
// takes it away again.
func imageCame(name, tag string) func(*testing.T, *run) {
	return func(t *testing.T, r *run) {
		at := "http://" + r.g.upstream.containers.addr + "/v2/team/" + name + "/manifests/" + tag
		req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusAccepted {
			t.Errorf("the image %s:%s did not come: %s", name, tag, resp.Status)
		}
	}
}

func newChart(t *testing.T, r *run) {
	write(t, filepath.Join(r.work, "dist/ours-1.0.0.tgz"), string(tarGz(t, file{"ours/Chart.yaml", "apiVersion: v2\nname: ours\nversion: 1.0.0\n"})))
}

func ociChartCame(t *testing.T, r *run) {
	if _, err := os.Stat(filepath.Join(r.work, "ours-1.0.0.tgz")); err != nil {
		t.Error(err)
	}
}
