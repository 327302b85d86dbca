//go:build clients

package clients_test

import (
	"crypto/sha1"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// debianMaven is where Debian keeps Maven's plugins and libraries: what a
// public mirror would have.
const debianMaven = "/usr/share/maven-repo"

const demoPOM = `<project><modelVersion>4.0.0</modelVersion>
<groupId>com.example</groupId><artifactId>demo</artifactId><version>1.0</version></project>
`

const parentPOM = `<project><modelVersion>4.0.0</modelVersion>
<groupId>com.example</groupId><artifactId>parent</artifactId><version>1.0</version><packaging>pom</packaging></project>
`

// maven is a repository with com.example:demo and its parent, and what Debian has.
type maven struct {
	u     *upstream
	files map[string][]byte
}

func newMaven(t *testing.T, u *upstream) *maven {
	return &maven{u: u, files: map[string][]byte{
		"/com/example/demo/1.0/demo-1.0.pom":     []byte(demoPOM),
		"/com/example/demo/1.0/demo-1.0.jar":     zipped(t, file{"META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n"}),
		"/com/example/parent/1.0/parent-1.0.pom": []byte(parentPOM),
	}}
}

func (m *maven) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut {
		content, err := readBody(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		m.u.keep("maven"+r.URL.Path, content)
		w.WriteHeader(http.StatusCreated)
		return
	}
	path, checksum := strings.CutSuffix(r.URL.Path, ".sha1")
	content, ok := m.files[path]
	if !ok {
		var err error
		if content, err = fs.ReadFile(os.DirFS(debianMaven), strings.TrimPrefix(path, "/")); err != nil {
			http.NotFound(w, r)
			return
		}
	}
	if checksum {
		content = fmt.Appendf(nil, "%x", sha1.Sum(content))
	}
	w.Write(content)
}

func newProject(t *testing.T, r *run) {
	write(t, filepath.Join(r.work, "pom.xml"), `<project><modelVersion>4.0.0</modelVersion>
<parent><groupId>com.example</groupId><artifactId>parent</artifactId><version>1.0</version><relativePath/></parent>
<artifactId>ours</artifactId><version>1.0</version><packaging>pom</packaging>
</project>
`)
	write(t, filepath.Join(r.work, "ours-1.0.jar"), string(zipped(t, file{"META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n"})))
}

func artifactWent(t *testing.T, r *run) {
	r.g.upstream.take(t, "maven/com/example/ours/1.0/ours-1.0.jar")
	r.g.upstream.take(t, "maven/com/example/ours/1.0/ours-1.0.pom")
}

func newGradleProject(t *testing.T, r *run) {
	write(t, filepath.Join(r.work, "settings.gradle"), "rootProject.name = 'ours'\n")
}

func jarCame(t *testing.T, r *run) {
	if _, err := os.Stat(filepath.Join(r.work, "libs/demo-1.0.jar")); err != nil {
		t.Error(err)
	}
}
