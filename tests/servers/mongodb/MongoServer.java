// A MongoDB of the tests: mongo-java-server, in memory, on the loopback port that is its one argument.

import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

class MongoServer {
    /** MongoDB 5.0 as a real one names itself; the stand-in's own answer is too old for the driver. */
    private static final MongoVersion VERSION = new MongoVersion() {
        @Override
        public int getWireVersion() {
            return 13;
        }

        @Override
        public List<Integer> getVersionArray() {
            return List.of(5, 0, 0);
        }
    };

    public static void main(String[] arguments) {
        var backend = new MemoryBackend().version(VERSION);
        var server = new de.bwaldvogel.mongo.MongoServer(backend);
        server.bind("127.0.0.1", Integer.parseInt(arguments[0]));
    }
}
